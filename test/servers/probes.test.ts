/** Probes of a real nginx and a real MariaDB: alive, dead, hanging, full, and what the probes leave behind there. */
import { hostname } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Observation, ProbeObservation } from '../../src/observation.ts';
import { ProbeSchedule } from '../../src/poll/probes/schedule.ts';
import type { ProbeHow, ProbeTarget } from '../../src/poll/settings.ts';
import { instantFromUs, MS } from '../../src/time.ts';
import { isInstalled, RealMariadb, RealNginx } from '../support/servers.ts';

function targetOf(port: number, how: ProbeHow): ProbeTarget {
  return {
    cluster: 'c',
    router: 0,
    node: null,
    label: 'x',
    host: '127.0.0.1',
    port,
    everyMs: 100,
    timeoutMs: 500,
    how,
  };
}

/** The first so many results, from one that pleases on. */
async function results(
  port: number,
  how: ProbeHow,
  count: number,
  pleases: (told: ProbeObservation) => boolean = () => true,
): Promise<readonly ProbeObservation[]> {
  const told: ProbeObservation[] = [];
  await new Promise<void>((resolve) => {
    const tell = (observation: Observation) => {
      if (observation.kind !== 'probe') return;
      if (told.length > 0 || pleases(observation)) told.push(observation);
      if (told.length === count) resolve(schedule.stop());
    };
    const schedule = new ProbeSchedule(targetOf(port, how), {
      now: () => instantFromUs(Date.now() * MS),
      tell,
    });
    schedule.start();
  });
  return told;
}

function reasons(told: readonly ProbeObservation[]): readonly (string | null)[] {
  return [...new Set(told.map(({ failure }) => failure?.reason ?? null))];
}

describe.skipIf(!isInstalled('nginx'))('nginx', () => {
  const nginx = new RealNginx();
  nginx.locations = `
    location = /health { add_header X-Served-By web1; return 200 "status: fine"; }
    location = /broken { return 503; }
    location = /moved { return 301 /broken; }`;
  beforeAll(() => nginx.start());
  afterAll(() => nginx.remove());

  const get = (path: string, text: string | null = null): ProbeHow => {
    return { kind: 'http', tls: null, path, hostName: 'shop', credentials: null, status: null, text };
  };

  it('answers, and says who it is', async () => {
    const [told] = await results(nginx.port, get('/health', 'fine'), 1);
    expect(told).toMatchObject({ failure: null, answeredBy: 'web1' });
    expect(reasons(await results(nginx.port, get('/moved'), 1))).toEqual([null]);
    expect(reasons(await results(nginx.port, get('/broken'), 1))).toEqual(['answer']);
    expect(reasons(await results(nginx.port, { kind: 'tcp' }, 1))).toEqual([null]);
  });

  it('that hangs takes connections still, and times out', async () => {
    nginx.suspend();
    const asked = await results(nginx.port, get('/health'), 8, ({ failure }) => failure !== null);
    expect(reasons(asked)).toEqual(['timeout']);
    // a connection alone tells nothing of the program
    expect(reasons(await results(nginx.port, { kind: 'tcp' }, 3))).toEqual([null]);
    nginx.resume();
    expect(reasons(await results(nginx.port, get('/health'), 3, ({ failure }) => failure === null))).toEqual([
      null,
    ]);
  });

  it('that is killed refuses, and is well again once it is back', async () => {
    await nginx.kill();
    expect(reasons(await results(nginx.port, get('/health'), 3))).toEqual(['refused']);
    await nginx.start();
    expect(reasons(await results(nginx.port, get('/health'), 3))).toEqual([null]);
  });
});

const mariadbIsInstalled = ['mariadbd', 'mariadb-install-db', 'mariadb'].every(isInstalled);
describe.skipIf(!mariadbIsInstalled)('MariaDB', () => {
  const mariadb = new RealMariadb();
  beforeAll(() => mariadb.start());
  afterAll(() => mariadb.remove());

  const greeting: ProbeHow = { kind: 'mysql', credentials: null, query: null };
  const login = (query: string | null = null, password = 'secret'): ProbeHow => {
    return { kind: 'mysql', credentials: { user: 'probe', password }, query };
  };
  const status = (name: string) => Number(mariadb.ask(`SHOW GLOBAL STATUS LIKE '${name}'`)[0]?.[1]);

  it('greets; no handshake is left in the middle, so that nobody is locked out', async () => {
    const before = status('Aborted_connects');
    expect(reasons(await results(mariadb.port, greeting, 20))).toEqual([null]);
    expect(status('Aborted_connects') - before).toBeGreaterThanOrEqual(20);
    // these are what counts against max_connect_errors
    expect(status('Aborted_connects_preauth')).toBe(0);
    expect(reasons(await results(mariadb.port, { kind: 'tcp' }, 1))).toEqual([null]);
    await expect.poll(() => status('Aborted_connects_preauth')).toBeGreaterThan(0);
  });

  it('with an account says who it is, and counts no aborted connection', async () => {
    const before = [status('Aborted_connects'), status('Aborted_clients')];
    const told = await results(mariadb.port, login(), 5);
    expect(reasons(told)).toEqual([null]);
    expect(told[0]?.answeredBy).toBe(hostname());
    expect((await results(mariadb.port, login('SHOW STATUS LIKE "Uptime"'), 1))[0]).toMatchObject({
      failure: null,
      answeredBy: hostname(),
    });
    expect([status('Aborted_connects'), status('Aborted_clients')]).toEqual(before);
  });

  it('fails with a wrong password, a wrong query, and one without a row', async () => {
    const failureOf = async (how: ProbeHow) => (await results(mariadb.port, how, 1))[0]?.failure;
    expect(await failureOf(login(null, 'wrong'))).toMatchObject({ reason: 'denied' });
    expect((await failureOf(login(null, 'wrong')))?.error).not.toContain('wrong');
    expect(await failureOf(login('SELECT nonsense'))).toMatchObject({ reason: 'answer' });
    expect(await failureOf(login('SELECT 1 FROM DUAL WHERE 0'))).toEqual({
      reason: 'answer',
      error: 'the query returned no row',
    });
    expect(await failureOf(login("SELECT REPEAT('x', 8000000)"))).toEqual({
      reason: 'answer',
      error: 'the query answers with more than 1 MiB',
    });
  });

  it('fails when it has too many connections', async () => {
    mariadb.ask('SET GLOBAL max_connections = 10');
    const slow = Array.from({ length: 12 }, () => results(mariadb.port, login('SELECT SLEEP(1.5)'), 12));
    const told = (await Promise.all(slow)).flat();
    expect(told.map(({ failure }) => failure?.error)).toContainEqual('error 1040: Too many connections');
    mariadb.ask('SET GLOBAL max_connections = 151');
  });

  it('that hangs times out either way', async () => {
    mariadb.suspend();
    expect(reasons(await results(mariadb.port, greeting, 6))).toEqual(['timeout']);
    expect(reasons(await results(mariadb.port, login(), 6))).toEqual(['timeout']);
    mariadb.resume();
    expect(reasons(await results(mariadb.port, login(), 3, ({ failure }) => failure === null))).toEqual([
      null,
    ]);
  });
});
