/** What `doctor` says of each configured HAProxy, service and database, on servers of loopback. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createWebServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { checkLines } from '../../src/cli/doctor.ts';
import { askedChecks } from '../../src/cli/doctor-asked.ts';
import { parseConfiguration } from '../../src/config/read.ts';
import { type Answer, EMPTY, FakeMysql, resultOf, variablesOf } from '../support/fake-mysql.ts';

const folder = mkdtempSync(join(tmpdir(), 'vipwatch-asked-'));
afterAll(() => rmSync(folder, { recursive: true }));
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const sample = (file: string) =>
  readFileSync(new URL(`../poll/samples/haproxy/${file}`, import.meta.url), 'utf8');

const checked = async (text: string, asRoot = false) =>
  (await askedChecks(parseConfiguration(text, join(folder, 'v.yaml'), {}), asRoot)).map(
    ({ state, what, advice, statements = [] }) =>
      `${state} ${what}${advice === null ? '' : ` -> ${advice}`}${statements.map((each) => `\n${each}`).join('')}`,
  );

const withProxy = (proxy: string) =>
  `cluster: web\nnodes: [{name: a, addresses: [127.0.0.1], haproxy: [${proxy}]}]\n`;
const withService = (probe: string, more = '') =>
  `cluster: web\nnodes: [{name: a, addresses: [127.0.0.2]}]\nvirtualRouters: [{vrid: 51, vips: [127.0.0.1], service: {probe: "${probe}"${more}}}]\n`;

async function port(server: Server, host = '127.0.0.1'): Promise<number> {
  servers.push(server);
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const free = await port(server);
  await new Promise((resolve) => server.close(resolve));
  return free;
}

it('a statistics page that answers is ok, one that wants other credentials is not', async () => {
  const page = createWebServer((request, response) => {
    if (request.headers.authorization === undefined) response.writeHead(401).end();
    else response.end(sample('01_steady.http_status.csv'));
  });
  const at = `127.0.0.1:${await port(page)}/status`;
  const [well] = await checked(withProxy(`{url: "http://u:hunter2@${at}"}`));
  expect(well).toMatch(
    new RegExp(String.raw`^ok HAProxy on a \(http://${at}\) answers: \d+ backends?, \d+ servers?$`),
  );
  const [denied] = await checked(withProxy(`{url: "http://${at}"}`));
  expect(denied).toMatch(/^FAIL HAProxy on a .* -> compare user and password with `stats auth`/);
});

it('a socket says its release; that it was asked as root is said, too', async () => {
  const path = join(folder, 'admin.sock');
  const server = createServer((socket) => {
    socket.end(`${sample('01_steady.show_info.txt')}\n${sample('01_steady.show_stat.csv')}\n`);
  });
  servers.push(server);
  server.listen(path);
  await once(server, 'listening');
  const [asUser] = await checked(withProxy(`{url: "unix:${path}"}`));
  expect(asUser).toMatch(/^ok HAProxy on a \(unix:.*\) answers: \d+\.\d+\S* \d+ backends?, \d+ servers?$/);
  const [asRoot] = await checked(withProxy(`{url: "unix:${path}"}`), true);
  expect(asRoot).toContain('asked as root, which the daemon is not');
});

it('a HAProxy that is not there fails, unless it runs only where the VIP is', async () => {
  const url = `http://127.0.0.1:${await freePort()}/`;
  const [missing] = await checked(withProxy(`{url: "${url}"}`));
  expect(missing).toMatch(
    /^FAIL .* cannot be asked: connection refused.* -> start HAProxy on a, or compare the URL/,
  );
  const [off] = await checked(withProxy(`{url: "${url}", runs: on-holder}`));
  expect(off).toMatch(/^warn .* -> well so where the VIP is not/);
});

it('a service is asked through the VIP and at its nodes', async () => {
  const at = await port(createServer((socket) => socket.end()));
  const probe = `tcp://127.0.0.1:${at}`;
  const lines = await checked(withService(probe));
  expect(lines).toEqual([
    expect.stringMatching(new RegExp(`^ok service ${probe} answers in `)),
    expect.stringMatching(
      new RegExp(`^warn service ${probe} at a does not answer: .* -> start it on a; .* nodes: false$`),
    ),
  ]);
  const dead = await checked(withService(`tcp://127.0.0.1:${await freePort()}`, ', nodes: false'));
  expect(dead).toEqual([expect.stringMatching(/^FAIL service .* -> does anybody hold the VIP/)]);
});

it('a node whose service denies what it is asked is not told to be started', async () => {
  const page = createWebServer((_, response) => response.writeHead(401).end());
  const at = await port(page, '0.0.0.0');
  const lines = await checked(withService(`http://127.0.0.1:${at}/`));
  expect(lines).toEqual([
    expect.stringMatching(/^FAIL service .* -> compare user and password/),
    expect.stringMatching(/^warn service .* at a does not answer: .* -> compare user and password/),
  ]);
});

describe('a database', () => {
  const DENIED = { errno: 1227, message: 'Access denied' };
  let fake: FakeMysql | null = null;
  afterEach(async () => {
    await fake?.stop();
    fake = null;
  });

  /** A server of that release; `answers` by the beginning of a statement. */
  async function serve(
    variables: Readonly<Record<string, string>>,
    answers: Readonly<Record<string, Answer>> = {},
  ): Promise<string> {
    const known: Readonly<Record<string, Answer>> = {
      'SHOW GLOBAL VARIABLES': variablesOf(variables),
      'SET SESSION': EMPTY,
      "SHOW GLOBAL STATUS LIKE 'Uptime'": variablesOf({ Uptime: '86400' }),
      'SELECT @@global.': resultOf(variables),
      'SELECT CURRENT_USER()': resultOf({ account: 'vipwatch@192.168.10.%' }),
      ...answers,
    };
    fake = await FakeMysql.start({
      version: variables.version ?? '',
      answer: (sql) => Object.entries(known).find(([beginning]) => sql.startsWith(beginning))?.[1] ?? EMPTY,
    });
    return `{url: "mysql://127.0.0.1:${fake.port}", user: vipwatch, password: hunter2, heartbeat: percona.heartbeat, timeout: 10s}`;
  }
  const withDatabase = (database: string) =>
    `cluster: orders\nnodes: [{name: a, addresses: [127.0.0.1], database: [${database}]}]\n`;
  const HEARTBEAT = resultOf({
    server_id: '2',
    ts: '2026-11-20T12:00:00.000000',
    now_local: '2026-11-20 12:00:00.500000',
    now_utc: '2026-11-20 12:00:00.500000',
  });
  const MARIADB = { version: '10.11.6-MariaDB', server_id: '1', read_only: 'ON' };

  it('that answers says what it is', async () => {
    const database = await serve(MARIADB, { 'SELECT server_id AS': HEARTBEAT });
    expect(await checked(withDatabase(database))).toEqual([
      expect.stringMatching(
        /^ok database on a \(mysql:\/\/127\.0\.0\.1:\d+\) answers: MariaDB 10\.11\.6, read-only$/,
      ),
    ]);
  });

  it.each([
    ['10.11.6-MariaDB', 'MariaDB', 'SHOW ALL SLAVES STATUS', 'GRANT SLAVE MONITOR ON *.*'],
    ['10.5.6-MariaDB', 'MariaDB', 'SHOW ALL SLAVES STATUS', 'GRANT REPLICATION SLAVE ADMIN ON *.*'],
    ['10.4.30-MariaDB', 'MariaDB', 'SHOW ALL SLAVES STATUS', 'GRANT REPLICATION CLIENT ON *.*'],
    ['8.0.36', 'MySQL', 'SHOW REPLICA STATUS', 'GRANT REPLICATION CLIENT ON *.*'],
  ])('of release %s that lacks grants gets them as statements', async (version, flavour, asking, grant) => {
    const database = await serve(
      { version, server_id: '1' },
      { [asking]: DENIED, 'SELECT server_id AS': { errno: 1142, message: 'SELECT command denied' } },
    );
    const [line = ''] = await checked(withDatabase(database));
    const [told, ...statements] = line.split('\n');
    expect(told).toMatch(
      new RegExp(
        `^warn .* answers: ${flavour} [\\d.]+; ${asking} is denied; SELECT on \`percona\`\\.\`heartbeat\` is denied -> `,
      ),
    );
    expect(statements).toEqual([
      `${grant} TO 'vipwatch'@'192.168.10.%';`,
      "GRANT SELECT ON `percona`.`heartbeat` TO 'vipwatch'@'192.168.10.%';",
    ]);
  });

  it('that calls us by a name which could be more than one puts it into no statement', async () => {
    const database = await serve(MARIADB, {
      'SHOW ALL SLAVES STATUS': DENIED,
      'SELECT CURRENT_USER()': resultOf({ account: "x'; DROP TABLE t; -- @%" }),
    });
    const [line = ''] = await checked(withDatabase(database));
    expect(line).toContain("\nGRANT SLAVE MONITOR ON *.* TO 'vipwatch'@'HOST';");
    expect(line).not.toContain('DROP');
  });

  it('whose heartbeats are old, or none, is warned of', async () => {
    const [none] = await checked(withDatabase(await serve(MARIADB)));
    expect(none).toMatch(/^warn .*; its heartbeat table is empty -> does pt-heartbeat run/);
    await fake?.stop();
    const old = resultOf({
      server_id: '2',
      ts: '2026-11-20T11:00:00.000000',
      now_local: '2026-11-20 12:10:00.000000',
      now_utc: '2026-11-20 12:10:00.000000',
    });
    const [late] = await checked(withDatabase(await serve(MARIADB, { 'SELECT server_id AS': old })));
    expect(late).toMatch(/^warn .*; its youngest heartbeat is 1 h 10 min old -> /);
  });

  it('that is not there, or wants other credentials, fails, and shows no password', async () => {
    const gone = `{url: "mysql://127.0.0.1:${await freePort()}", user: vipwatch, password: hunter2}`;
    expect(await checked(withDatabase(gone))).toEqual([
      expect.stringMatching(/^FAIL .* cannot be asked: connection refused.* -> start the server on a, /),
    ]);
    const database = await serve(MARIADB);
    if (fake !== null)
      fake.options = {
        ...fake.options,
        welcome: { errno: 1045, message: "Access denied for user 'vipwatch'" },
      };
    const [denied] = await checked(withDatabase(database));
    expect(denied).toMatch(/^FAIL .* -> compare user and password; .* docs\/databases\.md/);
    expect(denied).not.toContain('hunter2');
  });

  it('statements stand alone on their lines', () => {
    const check = {
      state: 'warn',
      what: 'w',
      advice: 'run there:',
      statements: ['GRANT a;', 'GRANT b;'],
    } as const;
    expect([...checkLines(check, (text) => text)]).toEqual([
      'warn  w',
      '      → run there:',
      '        GRANT a;',
      '        GRANT b;',
    ]);
  });
});

it('nothing is asked where nothing is configured', async () => {
  expect(await checked('')).toEqual([]);
});
