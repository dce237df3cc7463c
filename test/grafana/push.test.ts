/** `dashboards push` and `diff` against a fake of Grafana: what is sent, what is left alone, and what is said. */

import { once } from 'node:events';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DASHBOARDS } from '../../src/dashboards/dashboards.ts';
import { GrafanaClient } from '../../src/grafana/client.ts';
import { type Mode, push, type Step, type Wanted } from '../../src/grafana/push.ts';
import type { Credentials } from '../../src/grafana/settings.ts';
import { FakeGrafana } from '../support/fake-grafana.ts';
import { SELF_SIGNED } from '../support/self-signed.ts';

const WANTED: Wanted = {
  dataSource: {
    uid: 'vipwatch',
    name: 'vipwatch',
    url: 'http://127.0.0.1:8086',
    database: 'vipwatch',
    user: 'grafana',
    password: 'influx-secret',
    token: null,
  },
  folder: 'Failovers',
  dashboards: DASHBOARDS,
};
/** data source, folder and dashboards */
const THINGS = 2 + DASHBOARDS.length;
const TOKEN: Credentials = { token: 'glsa_admin' };
const WRITE: Mode = { write: true, force: false };
const LOOK: Mode = { write: false, force: false };
const FORCE: Mode = { write: true, force: true };
const [TIMELINE = ''] = DASHBOARDS.map(({ uid }) => uid);

describe.each([9, 10, 11, 12, 13])('Grafana %i', (major) => {
  const fake = useFake(major);

  it('gets data source, folder and dashboards; a second push changes nothing', async () => {
    expect(did(await pushed(fake().url, WRITE))).toEqual(Array(THINGS).fill('create'));
    expect([...fake().folders]).toEqual([['vipwatch', 'Failovers']]);
    expect([...fake().dashboards.keys()]).toEqual(DASHBOARDS.map(({ uid }) => uid));
    for (const { folderUid } of fake().dashboards.values()) expect(folderUid).toBe('vipwatch');

    const before = fake().writes.length;
    expect(did(await pushed(fake().url, WRITE))).toEqual(Array(THINGS).fill('nothing'));
    expect(fake().writes.length).toBe(before);
  });

  it('never hears of a data source by its number', async () => {
    await pushed(fake().url, WRITE);
    await pushed(fake().url, FORCE);
    expect(fake().asked.filter((line) => /datasources\/\d/.test(line))).toEqual([]);
  });

  it('keeps what a person changed, says how it differs, and overwrites it when told to', async () => {
    await pushed(fake().url, WRITE);
    fake().edit(TIMELINE, (json) => {
      (json.panels as { title: string }[])[2] = {
        ...(json.panels as { title: string }[])[2],
        title: 'Moves',
      };
    });
    const kept = stepOf(await pushed(fake().url, WRITE), 'Failover timeline');
    expect(kept.did).toBe('kept');
    expect(kept.differences).toContain('panels[3 "Failovers"].title: "Moves" in Grafana, "Failovers" here');
    expect(JSON.stringify(fake().dashboards.get(TIMELINE)?.json)).toContain('Moves');

    expect(stepOf(await pushed(fake().url, FORCE), 'Failover timeline').did).toBe('update');
    expect(JSON.stringify(fake().dashboards.get(TIMELINE)?.json)).not.toContain('Moves');
    expect(did(await pushed(fake().url, WRITE))).toEqual(Array(THINGS).fill('nothing'));
  });

  it('updates what it pushed before and nobody touched', async () => {
    await pushed(fake().url, WRITE);
    const newer = { ...WANTED, dashboards: DASHBOARDS.map((each) => ({ ...each, refresh: '10s' })) };
    expect(did(await pushed(fake().url, LOOK, newer))).toEqual([
      'nothing',
      'nothing',
      ...DASHBOARDS.map(() => 'update'),
    ]);
    expect(did(await pushed(fake().url, WRITE, newer))).toContain('update');
    expect(fake().dashboards.get(TIMELINE)?.json).toMatchObject({ refresh: '10s', version: 2 });
    expect(did(await pushed(fake().url, WRITE, newer))).toEqual(Array(THINGS).fill('nothing'));
  });

  it('diff changes nothing', async () => {
    expect(did(await pushed(fake().url, LOOK))).toEqual(Array(THINGS).fill('create'));
    expect(fake().writes).toEqual([]);
  });
});

describe('what stands in the way', () => {
  const fake = useFake(11);

  it('a dashboard that was moved to another folder stays there', async () => {
    await pushed(fake().url, WRITE);
    fake().folders.set('team', 'Team');
    const stored = fake().dashboards.get(TIMELINE);
    if (stored !== undefined) stored.folderUid = 'team';
    await pushed(fake().url, WRITE, newer());
    expect(fake().dashboards.get(TIMELINE)?.folderUid).toBe('team');
  });

  it('a person who saves between reading and writing is not overwritten', async () => {
    await pushed(fake().url, WRITE);
    fake().before = (method) => {
      if (method !== 'POST') return;
      fake().before = () => {};
      fake().edit(TIMELINE, (json) => Object.assign(json, { description: 'mine' }));
    };
    await expect(pushed(fake().url, WRITE, newer())).rejects.toThrow(
      /somebody saved .*Failover timeline.*run it again/,
    );
    expect(fake().dashboards.get(TIMELINE)?.json.description).toBe('mine');
  });

  it('what comes from provisioning files is left to them', async () => {
    await pushed(fake().url, WRITE);
    const stored = fake().dashboards.get(TIMELINE);
    if (stored !== undefined) stored.provisioned = true;
    Object.assign(fake().dataSources.get('vipwatch') ?? {}, { readOnly: true, url: 'http://elsewhere:8086' });
    const steps = await pushed(fake().url, WRITE, newer());
    expect(stepOf(steps, 'Failover timeline')).toMatchObject({
      did: 'kept',
      why: expect.stringMatching(/provisioning/),
    });
    expect(stepOf(steps, 'vipwatch')).toMatchObject({
      did: 'kept',
      why: expect.stringMatching(/provisioning/),
      differences: ['url: "http://elsewhere:8086" in Grafana, "http://127.0.0.1:8086" here'],
    });
  });

  it('a data source that a person changed stays; one that nobody touched follows the configuration', async () => {
    await pushed(fake().url, WRITE);
    const moved = { ...WANTED, dataSource: { ...WANTED.dataSource, url: 'http://db:8086' } };
    expect(stepOf(await pushed(fake().url, WRITE, moved), 'vipwatch').did).toBe('update');
    expect(fake().dataSources.get('vipwatch')).toMatchObject({
      url: 'http://db:8086',
      secureJsonData: { password: 'influx-secret' },
    });

    Object.assign(fake().dataSources.get('vipwatch') ?? {}, { url: 'http://by-hand:8086' });
    expect(stepOf(await pushed(fake().url, WRITE, moved), 'vipwatch')).toMatchObject({ did: 'kept' });
    expect(fake().dataSources.get('vipwatch')?.url).toBe('http://by-hand:8086');
  });

  it('a data source that is there is used, and the dashboards begin with it', async () => {
    fake().dataSources.set('P1', { id: 7, uid: 'P1', name: 'Influx', type: 'influxdb', url: 'http://x' });
    const existing = {
      ...WANTED,
      dataSource: { ...WANTED.dataSource, uid: 'other', name: 'Influx', url: null },
    };
    expect(stepOf(await pushed(fake().url, WRITE, existing), 'Influx').did).toBe('nothing');
    expect(JSON.stringify(fake().dashboards.get(TIMELINE)?.json)).toContain('"text":"Influx","value":"P1"');
  });

  it('without a data source and without its address it says what is missing', async () => {
    const nothing = { ...WANTED, dataSource: { ...WANTED.dataSource, url: null } };
    await expect(pushed(fake().url, WRITE, nothing)).rejects.toThrow(/grafana\.datasource\.url/);
  });

  it('a data source of another type is not taken for ours', async () => {
    fake().dataSources.set('vipwatch', { id: 7, uid: 'vipwatch', name: 'x', type: 'prometheus' });
    await expect(pushed(fake().url, WRITE)).rejects.toThrow(/of the type prometheus, not influxdb/);
  });

  it('an older Grafana that has a folder of that title gets the dashboards there', async () => {
    const old = await FakeGrafana.start(9);
    try {
      old.folders.set('abc', 'Failovers');
      await pushed(old.url, WRITE);
      expect(old.dashboards.get(TIMELINE)?.folderUid).toBe('abc');
    } finally {
      await old.stop();
    }
  });

  it('InfluxDB 2 and 3 are read with a token in a header that Grafana keeps secret', async () => {
    const two = { ...WANTED, dataSource: { ...WANTED.dataSource, user: null, password: null, token: 't0k' } };
    await pushed(fake().url, WRITE, two);
    const { secureJsonData, ...rest } = fake().dataSources.get('vipwatch') ?? {};
    expect(rest.jsonData).toMatchObject({ httpHeaderName1: 'Authorization', dbName: 'vipwatch' });
    expect(secureJsonData).toEqual({ httpHeaderValue1: 'Token t0k' });
    expect(JSON.stringify(rest)).not.toContain('t0k');
  });
});

describe('credentials', () => {
  const fake = useFake(11);

  it('a token is a bearer, user and password are basic', async () => {
    await pushed(fake().url, LOOK);
    expect(new Set(fake().authorizations)).toEqual(new Set(['Bearer glsa_admin']));
    await pushed(fake().url, LOOK, WANTED, { user: 'admin', password: 'secret' });
    expect(fake().authorizations.at(-1)).toBe(`Basic ${Buffer.from('admin:secret').toString('base64')}`);
  });

  it('one that is refused is named, never shown', async () => {
    const wrong = pushed(fake().url, WRITE, WANTED, { token: 'glsa_wrong' });
    await expect(wrong).rejects.toThrow(/401.*grafana\.token/);
    await expect(wrong).rejects.not.toThrow(/glsa_wrong/);
    await expect(pushed(fake().url, WRITE, WANTED, { user: 'admin', password: 'no' })).rejects.toThrow(
      /401.*grafana\.user and grafana\.password/,
    );
  });

  it('one that may not is told which role it needs', async () => {
    fake().tokens.set('glsa_viewer', 'Viewer');
    fake().dataSources.set('vipwatch', { id: 7, uid: 'vipwatch', name: 'vipwatch', type: 'influxdb' });
    await expect(pushed(fake().url, WRITE, WANTED, { token: 'glsa_viewer' })).rejects.toThrow(
      /403.*make the folder.*role Editor/,
    );
  });
});

describe('what is not Grafana', () => {
  const fake = useFake(11);

  it.each<[string, number, Record<string, string>, string, RegExp]>([
    [
      'a proxy’s page',
      200,
      {},
      '<html><title>Corporate Proxy</title>',
      /web page \("Corporate Proxy"\).*a proxy/,
    ],
    ['a page of 404', 404, {}, '<html><title>404 Not Found</title>nginx', /404 with a web page/],
    [
      'a login',
      302,
      { location: 'https://sso.example.com/' },
      '',
      /redirects to https:\/\/sso.example.com\/.*login/,
    ],
    ['another service', 200, {}, '{"status":"up"}', /not as Grafana does.*grafana\.url/],
    ['a proxy without Grafana behind it', 502, {}, '<html>Bad Gateway', /502/],
    ['a server that wants https', 400, {}, 'Client sent an HTTP request to an HTTPS server.', /wants https/],
  ])('%s', async (_, status, headers, body, said) => {
    fake().instead = (_request, response) => response.writeHead(status, headers).end(body);
    await expect(pushed(fake().url, WRITE)).rejects.toThrow(said);
  });

  it('nobody there', async () => {
    const gone = await FakeGrafana.start();
    const { url } = gone;
    await gone.stop();
    await expect(pushed(url, WRITE)).rejects.toThrow(/nobody listens at 127\.0\.0\.1:\d+/);
  });

  it('a name that is not known', async () => {
    await expect(pushed('http://grafana.invalid:3000', WRITE)).rejects.toThrow(
      /the name grafana\.invalid is not known/,
    );
  });

  it('https where there is none', async () => {
    await expect(pushed(fake().url.replace('http', 'https'), WRITE)).rejects.toThrow(/does not speak TLS/);
  });

  it('a certificate that nobody vouches for', async () => {
    const server = createTlsServer(SELF_SIGNED).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
      await expect(pushed(url, WRITE)).rejects.toThrow(/certificate that is not trusted.*grafana\.caFile/);
    } finally {
      server.close();
    }
  });

  it('one that accepts and never answers', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      await expect(pushed(url, WRITE, WANTED, TOKEN, 200)).rejects.toThrow(/did not answer within 0\.2 s/);
    } finally {
      server.close();
    }
  });
});

/** A fake for each test of its block. */
function useFake(major: number): () => FakeGrafana {
  let fake: FakeGrafana | null = null;
  beforeEach(async () => {
    fake = await FakeGrafana.start(major);
  });
  afterEach(() => fake?.stop());
  return () => {
    if (fake === null) throw new Error('no fake is running');
    return fake;
  };
}

async function pushed(
  url: string,
  mode: Mode,
  wanted = WANTED,
  credentials: Credentials = TOKEN,
  timeoutMs?: number,
): Promise<readonly Step[]> {
  const client = new GrafanaClient({ url, credentials, ca: null, insecure: false }, timeoutMs);
  const steps: Step[] = [];
  try {
    for await (const step of push(client, wanted, mode)) steps.push(step);
  } finally {
    client.close();
  }
  return steps;
}

function newer(): Wanted {
  return { ...WANTED, dashboards: DASHBOARDS.map((each) => ({ ...each, refresh: '10s' })) };
}

function did(steps: readonly Step[]): readonly Step['did'][] {
  return steps.map((step) => step.did);
}

function stepOf(steps: readonly Step[], name: string): Step {
  const step = steps.find((each) => each.name === name);
  if (step === undefined) throw new Error(`nothing was said of ${name}`);
  return step;
}
