/** Whatever answers, or does not: a poll ends with a reading or a reason, in time, and nothing else ends with it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { PollFailure } from '../../../src/observation.ts';
import { databaseAsker } from '../../../src/poll/databases/asker.ts';
import {
  type Answer,
  EMPTY,
  FakeMysql,
  type FakeMysqlOptions,
  variablesOf,
} from '../../support/fake-mysql.ts';
import { Random } from '../../support/random.ts';
import { failure, reading, readOnce, targetAt } from './asking.ts';

let fake: FakeMysql | null = null;
afterEach(async () => {
  await fake?.stop();
  fake = null;
});

const SOON_MS = 300;

/** A server in good order, but for what is said of it. */
async function serve(more: Partial<FakeMysqlOptions> = {}): Promise<FakeMysql> {
  fake = await FakeMysql.start({ version: '5.7.44', answer: good, ...more });
  return fake;
}

function good(sql: string): Answer {
  if (sql.startsWith('SHOW GLOBAL VARIABLES')) return variablesOf({ version: '5.7.44', server_id: '1' });
  if (sql.startsWith('SELECT @@global')) return { columns: ['server_id'], rows: [['1']] };
  if (sql.startsWith('SET SESSION')) return { columns: [], rows: [] };
  return EMPTY;
}

/** Good, but for the first statement that begins so. */
function goodBut(beginning: string, bad: Answer): (sql: string) => Answer {
  return (sql) => (sql.startsWith(beginning) ? bad : good(sql));
}

function misbehaves(how: 'hangs' | 'hangs-in-rows' | 'ends-in-rows'): Answer {
  return { misbehaves: how };
}

function wire(...bytes: readonly number[]): Answer {
  return { bytes: Buffer.from(bytes) };
}

describe('why nothing came', () => {
  const cases: readonly [string, Partial<FakeMysqlOptions>, PollFailure['reason'], RegExp][] = [
    ['no greeting', { greeting: misbehaves('hangs') }, 'timeout', /attempt to connect/],
    ['no welcome', { welcome: misbehaves('hangs') }, 'timeout', /attempt to connect/],
    ['no answer', { answer: goodBut('SHOW SLAVE', misbehaves('hangs')) }, 'timeout', /SHOW SLAVE STATUS/],
    [
      'half an answer',
      { answer: goodBut('SHOW SLAVE', misbehaves('hangs-in-rows')) },
      'timeout',
      /SHOW SLAVE STATUS/,
    ],
    ['the end within an answer', { answer: goodBut('SHOW', misbehaves('ends-in-rows')) }, 'closed', /closed/],
    ['a wrong password', { welcome: { errno: 1045, message: 'Access denied' } }, 'denied', /1045/],
    ['not from this host', { greeting: { errno: 1130, message: 'Host is not allowed' } }, 'denied', /1130/],
    ['a blocked host', { greeting: { errno: 1129, message: 'Host is blocked' } }, 'denied', /1129/],
    ['socket accounts', { welcome: { errno: 1698, message: 'Access denied' } }, 'denied', /1698/],
    [
      'too many connections',
      { greeting: { errno: 1040, message: 'Too many connections' } },
      'answer',
      /1040/,
    ],
    ['a shutdown', { welcome: { errno: 1053, message: 'Server shutdown in progress' } }, 'closed', /1053/],
    [
      'an expired password',
      { answer: () => ({ errno: 1820, message: 'You must reset your password' }) },
      'denied',
      /1820/,
    ],
    ['a refusal of everything', { answer: () => ({ errno: 1105, message: 'No' }) }, 'answer', /1105/],
    [
      'SSH',
      { greeting: { bytes: Buffer.from('SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n') } },
      'answer',
      /protocol of MySQL/,
    ],
    ['a greeting of nothing', { greeting: wire(0, 0, 0, 0, 0) }, 'answer', /protocol of MySQL/],
    ['a greeting cut short', { greeting: wire(2, 0, 0, 0, 10, 56) }, 'answer', /./],
    ['an answer of nothing', { answer: () => wire(0, 0, 0, 1) }, 'answer', /./],
    [
      'a count of columns, and no columns',
      { answer: () => wire(1, 0, 0, 1, 3, 1, 0, 0, 2, 0xfe) },
      'answer',
      /./,
    ],
    ['a demand for a local file', { answer: () => wire(4, 0, 0, 1, 0xfb, 47, 101, 116) }, 'timeout', /./],
  ];

  it.each(cases)('%s', async (_name, options, reason, words) => {
    const server = await serve(options);
    const asker = databaseAsker(targetAt(server.port));
    const timeoutMs = reason === 'timeout' ? SOON_MS : undefined;
    const found = await failure(asker, timeoutMs);
    expect(found.reason).toBe(reason);
    expect(found.error).toMatch(words);
    expect(found.error).not.toContain('swordfish');
  });

  it('nobody listens', async () => {
    const server = await serve();
    await server.stop();
    expect(await failure(databaseAsker(targetAt(server.port)))).toMatchObject({ reason: 'refused' });
    fake = null;
  });

  it('there is no such socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vipwatch-socket-'));
    const place = { kind: 'unix', path: join(folder, 'none.sock') } as const;
    expect(await failure(databaseAsker(targetAt(0, { place })))).toMatchObject({ reason: 'refused' });
    rmSync(folder, { recursive: true });
  });

  it('the name is not known', async () => {
    const place = { kind: 'tcp', host: 'no-such-host.invalid', port: 3306 } as const;
    expect(await failure(databaseAsker(targetAt(0, { place })))).toMatchObject({ reason: 'unreachable' });
  });

  it('TLS is wanted, and not offered: the password is not sent', async () => {
    const server = await serve();
    const asker = databaseAsker(targetAt(server.port, { tls: { ca: null, insecure: true } }));
    expect(await failure(asker)).toEqual({ reason: 'tls', error: 'the server offers no TLS' });
    expect(server.statements).toEqual([]);
  });
});

describe('how much is taken', () => {
  it('too many rows', async () => {
    const rows = Array.from({ length: 1_001 }, () => ['x', '1']);
    const many = { columns: ['Variable_name', 'Value'], rows };
    const server = await serve({ answer: goodBut('SHOW GLOBAL STATUS', many) });
    const found = await failure(databaseAsker(targetAt(server.port)));
    expect(found).toEqual({ reason: 'answer', error: 'the answer has more than 1000 rows' });
  });

  it('too many bytes, before the packet that claims them is complete', async () => {
    const claim = Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 1]), Buffer.alloc(5 * 1_048_576)]);
    const server = await serve({ answer: goodBut('SHOW GLOBAL STATUS', { bytes: claim }) });
    const found = await failure(databaseAsker(targetAt(server.port)));
    expect(found).toEqual({ reason: 'answer', error: 'the answer is larger than 4194304 bytes' });
  });

  it('a GTID set of a megabyte is not too much', async () => {
    const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
    const executed = `${uuid}${Array.from({ length: 100_000 }, (_, i) => `:${i * 2 + 1}`).join('')}`.slice(
      0,
      1_000_000,
    );
    const variables = variablesOf({ version: '5.7.44', gtid_executed: 'cut off' });
    const server = await serve({
      answer: (sql) => {
        if (sql.startsWith('SHOW GLOBAL VARIABLES')) return variables;
        return sql.startsWith('SELECT @@global')
          ? { columns: ['gtid_executed'], rows: [[executed]] }
          : good(sql);
      },
    });
    const asker = databaseAsker(targetAt(server.port));
    expect((await reading(asker)).gtid?.executed).toBe(executed);
    asker.close();
  });

  it('what is shown on terminals has no control characters', async () => {
    const slave = {
      columns: ['Slave_IO_Running', 'Slave_SQL_Running', 'Master_Host', 'Last_SQL_Error'],
      rows: [['Yes', 'No', 'host\u001b[2Ja', 'failed:\r\n\u001b[31mred']],
    };
    const server = await serve({
      answer: (sql) => {
        if (sql.startsWith('SHOW GLOBAL VARIABLES'))
          return variablesOf({ version: '5.7.44\u0007-log\u009b1m' });
        return sql.startsWith('SHOW SLAVE') ? slave : good(sql);
      },
    });
    expect(await readOnce(targetAt(server.port))).toMatchObject({
      version: '5.7.44 -log 1m',
      channels: [{ sourceHost: 'host [2Ja', sql: { error: 'failed: [31mred' } }],
    });
  });

  it('any bytes end in a reason or a reading', async () => {
    const random = new Random(3);
    const server = await serve();
    for (let round = 0; round < 40; round++) {
      const bytes = Buffer.from(Array.from({ length: random.whole(1, 60) }, () => random.whole(0, 255)));
      // half of them as one whole packet in order
      if (round % 2 === 0) bytes.set([Math.max(0, bytes.length - 4), 0, 0, 1].slice(0, bytes.length));
      server.options = { ...server.options, answer: goodBut('SHOW SLAVE', { bytes }) };
      const asker = databaseAsker(targetAt(server.port));
      const ended = await asker.ask(AbortSignal.timeout(50)).then(
        () => 'reading',
        () => 'failure',
      );
      expect(['reading', 'failure']).toContain(ended);
      asker.close();
    }
  });
});

describe('the connection', () => {
  it('is kept from poll to poll', async () => {
    const server = await serve();
    const asker = databaseAsker(targetAt(server.port));
    for (let i = 0; i < 3; i++) await reading(asker);
    expect(server.connections).toBe(1);
    asker.close();
  });

  it('that the server ended between two polls is no failure', async () => {
    const server = await serve();
    const asker = databaseAsker(targetAt(server.port));
    await reading(asker);
    server.endConnections();
    expect(await reading(asker)).toMatchObject({ serverId: 1n });
    expect(server.connections).toBe(2);
    asker.close();
  });

  it('is a new one after a poll that timed out, and the old one does not linger', async () => {
    const server = await serve({ answer: goodBut('SHOW SLAVE', misbehaves('hangs')) });
    const asker = databaseAsker(targetAt(server.port));
    expect(await failure(asker, SOON_MS)).toMatchObject({ reason: 'timeout' });
    server.options = { ...server.options, answer: good };
    await reading(asker);
    expect(server.connections).toBe(2);
    await expect.poll(() => server.open).toBe(1);
    asker.close();
    await expect.poll(() => server.open).toBe(0);
  });

  it('is not touched by a signal that aborts after the poll', async () => {
    const server = await serve();
    const asker = databaseAsker(targetAt(server.port));
    const abort = new AbortController();
    await asker.ask(abort.signal);
    abort.abort();
    await reading(asker);
    expect(server.connections).toBe(1);
    asker.close();
  });

  it('asks little: two statements once, three in each poll', async () => {
    const server = await serve();
    const asker = databaseAsker(targetAt(server.port));
    await reading(asker);
    expect(server.statements).toHaveLength(5);
    await reading(asker);
    expect(server.statements).toHaveLength(8);
    expect(server.statements.some((sql) => sql.includes(';'))).toBe(false);
    asker.close();
  });
});
