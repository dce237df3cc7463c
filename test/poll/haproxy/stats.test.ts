import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PollError } from '../../../src/poll/failure.ts';
import { StatsDecoder } from '../../../src/poll/haproxy/stats.ts';
import type { ProxyReading, ProxyRow } from '../../../src/reading/proxy.ts';
import { Random } from '../../support/random.ts';

const SAMPLES = new URL('../samples/haproxy/', import.meta.url);
const sample = (file: string) => readFileSync(new URL(file, SAMPLES));

interface Truth {
  readonly snapshots: Readonly<Record<string, Readonly<Record<string, TrueRow>>>>;
}
interface TrueRow {
  readonly status: string;
  readonly check_status: string;
  readonly weight: string;
  readonly act: string;
  readonly bck: string;
  readonly throttle: string;
  readonly addr: string;
}
const truth: Truth = JSON.parse(sample('truth.json').toString());

function decode(bytes: Buffer | string, { fromSocket = false, pieces = Number.MAX_SAFE_INTEGER } = {}) {
  const decoder = new StatsDecoder({ fromSocket });
  const all = Buffer.from(bytes);
  for (let at = 0; at < all.length; at += pieces) decoder.write(all.subarray(at, at + pieces));
  return decoder.end();
}

/** The failure, where there must be one. */
function failing(bytes: Buffer | string, options = {}): { reason: string; message: string } {
  try {
    decode(bytes, options);
  } catch (error) {
    if (error instanceof PollError) return { reason: error.reason, message: error.message };
    throw error;
  }
  throw new Error('it was understood');
}

function cell(reading: ProxyReading, row: ProxyRow, column: string): string {
  return row.cells[reading.columns.indexOf(column)] ?? '(none)';
}

const rowOf = (reading: ProxyReading, name: string) => reading.rows.find((row) => row.name === name);
const names = Object.keys(truth.snapshots);

describe('samples of HAProxy 2.6', () => {
  it('are all here', () => {
    expect(names).toHaveLength(13);
    expect(readdirSync(SAMPLES)).toHaveLength(1 + 3 * names.length);
  });

  it.each(names)('%s by socket: info and each row as they were', (name) => {
    const info = sample(`${name}.show_info.txt`);
    const answer = Buffer.concat([info, Buffer.from('\n'), sample(`${name}.show_stat.csv`)]);
    const reading = decode(answer, { fromSocket: true, pieces: 1_000 });
    expect(reading).toMatchObject({ refusedRows: 0, refusal: null });
    const read = reading.rows.map((row) => [
      `${row.proxy}/${row.name}`,
      {
        status: row.status.raw,
        check_status: row.checkStatus,
        weight: String(row.weight ?? ''),
        act: String(row.active ?? ''),
        bck: String(row.backup ?? ''),
        throttle: cell(reading, row, 'throttle'),
        addr: cell(reading, row, 'addr'),
      },
    ]);
    const expected = Object.entries(truth.snapshots[name] ?? {}).map(([key, row]) => [
      key,
      { ...row, check_status: row.check_status.replace('* ', '') },
    ]);
    expect(read).toEqual(expected);
    const said = (key: string) => new RegExp(`^${key}: (.*)$`, 'm').exec(info.toString())?.[1] ?? '(none)';
    expect(reading.process).toEqual({
      release: said('Version'),
      pid: Number(said('Pid')),
      uptimeS: Number(said('Uptime_sec')),
      stopping: false,
      connections: Number(said('CurrConns')),
      connectionLimit: 200,
    });
  });

  it.each(names)('%s by the page: the same but what moved between the two, and no process', (name) => {
    const reading = decode(sample(`${name}.http_status.csv`), { pieces: 777 });
    expect(reading).toMatchObject({ refusedRows: 0, process: null });
    const statuses = reading.rows.map((row) => [`${row.proxy}/${row.name}`, row.status.raw]);
    const expected = Object.entries(truth.snapshots[name] ?? {}).map(([key, row]) => [key, row.status]);
    expect(statuses).toEqual(expected);
  });

  it('reads numbers, limits and the words of checks of each type of row', () => {
    const reading = decode(sample('04_killed_2.7s.http_status.csv'));
    expect(rowOf(reading, 'up1')).toMatchObject({
      type: 'server',
      downs: 1,
      active: 1,
      checkStatus: 'L4CON',
      checkText: 'Connection refused at initial connection step of tcp-check',
      sessionLimit: null,
    });
    expect(reading.rows[0]).toMatchObject({ type: 'frontend', sessionLimit: 200, weight: null, downs: null });
    expect(rowOf(decode(sample('01_steady.http_status.csv')), 'up1')?.checkText).toBe('Layer4 check passed');
  });
});

const HEADER_14 =
  '# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act,' +
  'bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,' +
  'check_status,check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,req_rate,' +
  'req_rate_max,req_tot,cli_abrt,srv_abrt,';

describe('releases', () => {
  it('1.4: no text of checks, and no space before the parenthesis', () => {
    const row =
      'web,s1,0,0,1,2,,3,4,5,,0,,0,0,0,0,MAINT(via),1,1,0,6,7,8,9,,1,1,1,,3,web/s0,2,0,,1,,,,,,,,,,0,,,,0,0,';
    expect(decode(`${HEADER_14}\n${row}\n`).rows).toMatchObject([
      {
        type: 'server',
        proxy: 'web',
        name: 's1',
        status: { word: 'MAINT', why: 'via', raw: 'MAINT(via)', health: null },
        sessions: 1,
        sessionsTotal: 3,
        bytesIn: 4,
        bytesOut: 5,
        checkFailures: 6,
        downs: 7,
        lastChangeS: 8,
        downtimeS: 9,
        checkStatus: '',
        checkText: '',
      },
    ]);
  });

  it('columns go by name wherever they stand: 100 changed its meaning, modules follow in any order', () => {
    const old = decode(
      '# pxname,svname,status,type,agg_server_check_status,-,h2_x,ssl_sess,\na,b,UP,2,x,-,1,2,\n',
    );
    const young = decode(
      '# pxname,svname,src_ilim,type,agg_server_status,agg_server_check_status,status,-,ssl_sess,h2_x,\n' +
        'a,b,9,2,y,x,UP,-,2,1,\n',
    );
    for (const reading of [old, young]) {
      const [row] = reading.rows;
      expect(row).toMatchObject({ type: 'server', status: { word: 'UP' } });
      const cells = ['agg_server_check_status', 'ssl_sess', 'h2_x', '-'].map(
        (column) => row && cell(reading, row, column),
      );
      expect(cells).toEqual(['x', '2', '1', '-']);
    }
    expect(young.columns).toContain('src_ilim');
  });
});

const HEADER = '# pxname,svname,status,type,weight,last_chk,check_status,\n';

describe('cells', () => {
  it('in quotes hold commas, quotes and newlines', () => {
    const reading = decode(`${HEADER}a,s1,DOWN,2,1,"said ""no"", and\nwent",L7RSP,\na,s2,UP,2,1,,* L4OK,\n`);
    expect(reading).toMatchObject({ refusedRows: 0, refusal: null });
    expect(reading.rows).toMatchObject([
      { name: 's1', checkText: 'said "no", and went', checkStatus: 'L7RSP' },
      { name: 's2', checkText: '', checkStatus: 'L4OK' },
    ]);
  });

  it('that are shown have no control characters, whatever a checked server answered', () => {
    const { rows } = decode(
      `${HEADER}a\u001b[2J,s\u0007,DOWN \u001b[1m,2,1,no \u001b[31mway\u009b0m,L7STS,\n`,
    );
    const [row] = rows;
    expect([row?.proxy, row?.name, row?.status.raw, row?.checkText].join('|')).toBe(
      'a [2J|s|DOWN  [1m|no  [31mway 0m',
    );
  });

  it('that are no numbers are null, the row stays', () => {
    const weights = ['', '-1', '1.5', '0x10', 'many', ' 1', '12'];
    const reading = decode(HEADER + weights.map((weight) => `a,s,UP,2,${weight},,,\n`).join(''));
    expect(reading.rows.map((row) => row.weight)).toEqual([null, null, null, null, null, null, 12]);
  });

  it('carriage returns, a missing last comma and blank lines change nothing', () => {
    const reading = decode(`${HEADER.trim()}\r\n\r\na,s,UP,2,1,,L4OK\r\n\n`);
    expect(reading.rows).toMatchObject([{ name: 's', status: { raw: 'UP' }, checkStatus: 'L4OK' }]);
    expect(reading.refusedRows).toBe(0);
  });
});

describe('a row that makes no sense costs that row', () => {
  const good = 'a,good,UP,2,1,,,\n';
  it.each([
    ['too few cells', 'a,s,UP,2,1\n', 'row 2 has 5 cells, the header 7'],
    ['too many cells', 'a,s,UP,2,1,,,,,\n', 'row 2 has more than 7 cells, the header 7'],
    ['an unknown type', 'a,s,UP,7,1,,,\n', 'row 2 is of an unknown type: "7"'],
    ['no type', 'a,s,UP,,1,,,\n', 'row 2 is of an unknown type: ""'],
    ['no name', 'a,,UP,2,1,,,\n', 'row 2 has no name'],
    ['an endless line', `a,s,UP,2,1,${'x'.repeat(70_000)},,\n`, 'row 2 is longer than 64 KiB'],
    ['open quotes', 'a,s,UP,2,1,"oh,,\n', 'row 2 has a quote that is never closed'],
    ['a second header', HEADER, 'row 2 is of an unknown type: "type"'],
  ])('%s', (_, bad, refusal) => {
    const reading = decode(HEADER + good + bad + good, { pieces: 100 });
    expect(reading).toMatchObject({ refusedRows: 1, refusal });
    expect(reading.rows.map((row) => row.name)).toEqual(['good', 'good']);
  });

  it('the first refusal is told, all are counted', () => {
    expect(decode(`${HEADER}a\n${good}b,c\n`)).toMatchObject({
      refusedRows: 2,
      refusal: 'row 1 has 1 cells, the header 7',
    });
  });

  it('but where no row makes any, nothing was said', () => {
    expect(failing(`${HEADER}a\nb\n`)).toEqual({
      reason: 'answer',
      message: 'none of 2 rows makes sense: row 1 has 1 cells, the header 7',
    });
    expect(decode(HEADER).rows).toEqual([]);
  });
});

describe('what is no answer', () => {
  it.each([
    ['nothing', '', 'no statistics in the answer'],
    ['HTML', '<!DOCTYPE html>\n<html>\n', 'an HTML page, not CSV: is that the URI of the statistics page?'],
    ['rows without a header', 'a,s,UP,2,1,,,\n', 'no statistics; it begins with "a,s,UP,2,1,,,"'],
    ['binary', Buffer.from([0, 1, 2, 255, 10, 0]), 'no statistics; it begins with'],
    ['a header without status', '# pxname,svname,type,\n', 'the header has no column status'],
    ['too many columns', `# pxname,svname,status,type,${'x,'.repeat(600)}\n`, 'more than 512 columns'],
  ])('%s', (_, bytes, message) => {
    expect(failing(bytes)).toMatchObject({ reason: 'answer', message: expect.stringContaining(message) });
  });

  it('too many rows', () => {
    expect(failing(HEADER + 'a,s,UP,2,1,,,\n'.repeat(20_001)).message).toContain('20,000 rows');
    expect(decode(HEADER + 'a,s,UP,2,1,,,\n'.repeat(20_000)).rows).toHaveLength(20_000);
  });

  it('a socket that permits too little, or speaks of something else', () => {
    const onSocket = { fromSocket: true };
    expect(failing('Permission denied\n\n', onSocket).reason).toBe('denied');
    expect(failing('Unknown command: show. Please enter one of:\n\n', onSocket)).toMatchObject({
      reason: 'answer',
      message: 'no statistics; it begins with "Unknown command: show. Please enter one…"',
    });
    expect(failing('', onSocket).reason).toBe('closed');
    expect(failing('Name: HAProxy\nVersion: 2.6\n', onSocket).reason).toBe('closed');
  });
});

describe('whatever the bytes', () => {
  const page = sample('01_steady.http_status.csv');
  const socket = Buffer.concat([sample('01_steady.show_info.txt'), sample('01_steady.show_stat.csv')]);

  it('cut anywhere, it is said to be cut, or the whole rows before are read', () => {
    const whole = decode(page).rows;
    for (let length = 0; length < page.length; length += 13) {
      const cut = page.subarray(0, length);
      if (cut.at(-1) !== 10) expect(['closed', 'answer']).toContain(failing(cut).reason);
      else expect(decode(cut).rows).toEqual(whole.slice(0, decode(cut).rows.length));
    }
    for (let length = 0; length < socket.length; length += 13)
      expect(['closed', 'answer']).toContain(
        failing(socket.subarray(0, length), { fromSocket: true }).reason,
      );
  });

  it('however they are cut into pieces, the same is read', () => {
    const whole = decode(socket, { fromSocket: true });
    for (const pieces of [1, 2, 3, 64, 1_459])
      expect(decode(socket, { fromSocket: true, pieces })).toEqual(whole);
  });

  it('mutated at random, nothing but a PollError is thrown, and no row is counted twice', () => {
    const random = new Random(20_261_126);
    for (let run = 0; run < 2_000; run++) {
      const bytes = Buffer.from(random.chance(0.5) ? page : socket);
      const lines = bytes.toString('latin1').split('\n').length;
      for (let changes = random.whole(1, 20); changes > 0; changes--)
        bytes[random.whole(0, bytes.length - 1)] = random.pick([
          10,
          34,
          44,
          35,
          0,
          255,
          random.whole(0, 255),
        ]);
      try {
        const { rows, refusedRows } = decode(bytes, {
          fromSocket: random.chance(0.5),
          pieces: random.whole(10, 5_000),
        });
        expect(rows.length + refusedRows).toBeLessThan(lines + 20);
      } catch (error) {
        expect(error).toBeInstanceOf(PollError);
      }
    }
  });
});
