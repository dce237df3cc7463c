/** A node's `haproxy` and `database`, and a virtual router's `service`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/config/located-yaml.ts';
import { parseConfiguration } from '../../src/config/read.ts';

const folder = mkdtempSync(join(tmpdir(), 'vipwatch-polls-'));
afterAll(() => rmSync(folder, { recursive: true }));
const read = (text: string, environment: Record<string, string> = {}) =>
  parseConfiguration(text, join(folder, 'v.yaml'), environment);

function problems(text: string, environment: Record<string, string> = {}): string {
  try {
    read(text, environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message.replaceAll(`${folder}/`, '');
    throw error;
  }
  throw new Error('the file was accepted');
}

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

/** One cluster whose first node has these HAProxy processes. */
const withProxies = (...items: readonly string[]) => withAsked('haproxy', items);

/** The same with database servers. */
const withDatabases = (...items: readonly string[]) => withAsked('database', items);

const withAsked = (key: string, items: readonly string[]) => `cluster: web
nodes:
  - name: hosta
    addresses: [10.0.0.1]
    ${key}:
${items.map((item) => `      - ${item}`).join('\n')}
  - {name: hostb, addresses: [10.0.0.2]}
virtualRouters: [{vrid: 51, vips: [10.0.0.100]}]
`;

/** One cluster whose virtual router has this service. */
const withService = (service: string, vips = '10.0.0.100') => `cluster: web
nodes:
  - {name: hosta, addresses: ["fe80::1", 10.0.0.1, "fd00::1"]}
  - {name: hostb, addresses: [10.0.0.2]}
  - {name: hostc, addresses: ["fe80::3"]}
virtualRouters:
  - {vrid: 50}
  - {vrid: 51, vips: [${vips}], service: ${service}}
`;

describe('a HAProxy process', () => {
  it('is asked every 2 s, and always runs, unless it is said otherwise', () => {
    const { polls, observer } = read(withProxies('{url: "http://10.0.0.1:8888/status"}'));
    expect(polls.proxies).toEqual([
      {
        cluster: 'web',
        node: 'hosta',
        index: 0,
        label: 'http://10.0.0.1:8888/status',
        everyMs: 2_000,
        timeoutMs: 2_000,
        place: {
          kind: 'http',
          url: 'http://10.0.0.1:8888/status',
          credentials: null,
          tls: { ca: null, insecure: false },
        },
      },
    ]);
    expect(observer.clusters[0]?.nodes.map(({ proxies }) => proxies)).toEqual([
      [
        {
          target: 'http://10.0.0.1:8888/status',
          everyMs: 2_000,
          runs: 'always',
          startupGraceMs: 30_000,
        },
      ],
      [],
    ]);
  });

  it('may be asked at its unix socket, or one of TCP, and be where the VIP is', () => {
    const { polls, observer } = read(
      withProxies(
        '{url: "unix:/run/haproxy/admin.sock", every: 1s, timeout: 500ms, runs: on-holder, startupGrace: 5s}',
        '{url: "tcp://[fd00::a]:9999"}',
      ),
    );
    expect(polls.proxies).toMatchObject([
      {
        label: 'unix:/run/haproxy/admin.sock',
        everyMs: 1_000,
        timeoutMs: 500,
        place: { kind: 'unix', path: '/run/haproxy/admin.sock' },
      },
      { index: 1, label: 'tcp://[fd00::a]:9999', place: { kind: 'tcp', host: 'fd00::a', port: 9999 } },
    ]);
    expect(observer.clusters[0]?.nodes[0]?.proxies[0]).toEqual({
      target: 'unix:/run/haproxy/admin.sock',
      everyMs: 1_000,
      runs: 'on-holder',
      startupGraceMs: 5_000,
    });
  });

  it('has credentials in its URL, which leave it, or as keys', () => {
    const environment = { PASSWORD: 'p@ss/w:rd%' };
    const { polls, observer } = read(
      withProxies(
        `{url: "https://admin:\${PASSWORD}@hosta.example.com/haproxy?stats;csv;norefresh"}`,
        `{url: "http://10.0.0.1:1/", user: admin, password: "\${PASSWORD}"}`,
      ),
      environment,
    );
    const credentials = { user: 'admin', password: 'p@ss/w:rd%' };
    expect(polls.proxies.map(({ place }) => place)).toEqual([
      {
        kind: 'http',
        url: 'https://hosta.example.com/haproxy?stats',
        credentials,
        tls: { ca: null, insecure: false },
      },
      { kind: 'http', url: 'http://10.0.0.1:1/', credentials, tls: { ca: null, insecure: false } },
    ]);
    expect(polls.proxies.map(({ label }) => label)).toEqual([
      'https://hosta.example.com/haproxy',
      'http://10.0.0.1:1',
    ]);
    expect(JSON.stringify(observer)).not.toContain('p@ss');
  });

  it('may have a certificate of its own authority', () => {
    writeFileSync(join(folder, 'ca.pem'), PEM);
    const { polls } = read(
      withProxies(
        '{url: "https://10.0.0.1/stats", caFile: ca.pem}',
        '{url: "https://10.0.0.1:444/", insecure: true}',
      ),
    );
    expect(polls.proxies.map(({ place }) => (place.kind === 'http' ? place.tls : null))).toEqual([
      { ca: PEM, insecure: false },
      { ca: null, insecure: true },
    ]);
  });

  it('is refused with all that is wrong, by line and key, and no secret', () => {
    const text = problems(
      withProxies(
        `{url: "ftp://u:\${SECRET}@h/", every: 10ms, timeout: 2m, runs: sometimes}`,
        '{url: "unix:run/haproxy.sock"}',
        '{url: "tcp://10.0.0.1", colour: red}',
        `{url: "http://u:\${SECRET}@10.0.0.1:1/", user: u, password: hunter2}`,
        '{url: "unix:/a.sock", user: u, password: hunter2, insecure: true}',
        '{url: "http://10.0.0.100:8888/"}',
        '{url: "http://10.0.0.1:2/", password: hunter2}',
        '{url: "unix:/a.sock"}',
        '{url: "https://10.0.0.1/", caFile: nowhere.pem}',
        '{}',
      ),
      { SECRET: 'hunter2' },
    );
    expect(text).not.toContain('hunter2');
    expect(text.split('\n').map((line) => line.split('; ')[0])).toEqual([
      'v.yaml:6: nodes[0].haproxy[0].url: the value does not fit',
      'v.yaml:6: nodes[0].haproxy[0].every: "10ms" does not fit',
      'v.yaml:6: nodes[0].haproxy[0].timeout: "2m" does not fit',
      'v.yaml:6: nodes[0].haproxy[0].runs: "sometimes" does not fit',
      'v.yaml:7: nodes[0].haproxy[1].url: the value does not fit',
      'v.yaml:8: nodes[0].haproxy[2].url: the value does not fit',
      'v.yaml:8: nodes[0].haproxy[2].colour: unknown key',
      'v.yaml:9: nodes[0].haproxy[3].user: stands beside the user in url',
      'v.yaml:10: nodes[0].haproxy[4].user: is not for a socket',
      'v.yaml:10: nodes[0].haproxy[4].insecure: is for https:// only',
      'v.yaml:11: nodes[0].haproxy[5].url: asks whoever holds the VIP',
      'v.yaml:12: nodes[0].haproxy[6].user: missing',
      "v.yaml:13: nodes[0].haproxy[7].url: is hosta's already",
      'v.yaml:15: nodes[0].haproxy[9].url: missing',
    ]);
    expect(problems(withProxies('{url: "https://10.0.0.1/", caFile: nowhere.pem}'))).toMatch(
      /^v\.yaml:6: nodes\[0\]\.haproxy\[0\]\.caFile: nowhere\.pem cannot be read: no such file/,
    );
  });

  it.each([
    'http://admin:100%@10.0.0.1/',
    'http://:secret@10.0.0.1/',
    'http://10.0.0.1:0/',
    'http://10.0.0.1/#x',
  ])('is nowhere at %s', (url) => {
    expect(problems(withProxies(`{url: "${url}"}`))).toMatch(/^v\.yaml:6: .*url: the value does not fit/);
  });
});

describe('a database server', () => {
  it('is asked every 2 s, in the clear, unless it is said otherwise', () => {
    const { polls, observer } = read(withDatabases('{url: "mysql://10.0.0.1", user: vipwatch, password: p}'));
    expect(polls.databases).toEqual([
      {
        cluster: 'web',
        node: 'hosta',
        index: 0,
        label: 'mysql://10.0.0.1:3306',
        everyMs: 2_000,
        timeoutMs: 2_000,
        place: { kind: 'tcp', host: '10.0.0.1', port: 3306 },
        credentials: { user: 'vipwatch', password: 'p' },
        tls: null,
        heartbeat: null,
      },
    ]);
    expect(observer.clusters[0]?.nodes.map(({ databases }) => databases)).toEqual([
      [{ target: 'mysql://10.0.0.1:3306', host: '10.0.0.1', port: 3306, everyMs: 2_000 }],
      [],
    ]);
  });

  it('may be asked over TLS, at any port, with a heartbeat table', () => {
    writeFileSync(join(folder, 'db-ca.pem'), PEM);
    const { polls, observer } = read(
      withDatabases(
        '{url: "mariadb://[FD00::0:a]:3307/", user: u, every: 1s, timeout: 500ms, tls: true, caFile: db-ca.pem, heartbeat: percona.heartbeat}',
        '{url: "mysql://db1.example.com", user: u, tls: true, insecure: true}',
      ),
    );
    expect(polls.databases).toMatchObject([
      {
        label: 'mariadb://[fd00::a]:3307',
        everyMs: 1_000,
        timeoutMs: 500,
        place: { kind: 'tcp', host: 'fd00::a', port: 3307 },
        credentials: { user: 'u', password: '' },
        tls: { ca: PEM, insecure: false },
        heartbeat: { schema: 'percona', table: 'heartbeat' },
      },
      { index: 1, label: 'mysql://db1.example.com:3306', tls: { ca: null, insecure: true } },
    ]);
    expect(observer.clusters[0]?.nodes[0]?.databases[0]).toEqual({
      target: 'mariadb://[fd00::a]:3307',
      host: 'fd00::a',
      port: 3307,
      everyMs: 1_000,
    });
  });

  it.each(['unix:/run/s.sock', 'unix:///run/s.sock', 'mysql:///run/s.sock', 'mariadb:///run/s.sock'])(
    'may be asked at its unix socket: %s',
    (url) => {
      const { polls, observer } = read(withDatabases(`{url: "${url}", user: vipwatch}`));
      expect(polls.databases).toMatchObject([
        { label: 'unix:/run/s.sock', place: { kind: 'unix', path: '/run/s.sock' } },
      ]);
      // as a source it is known by its node
      expect(observer.clusters[0]?.nodes[0]?.databases).toMatchObject([
        { target: 'unix:/run/s.sock', host: 'hosta', port: 3306 },
      ]);
    },
  );

  it('has its password from outside, as a key or in its URL, which it leaves', () => {
    writeFileSync(join(folder, 'db-password'), 'p@ss/w:rd%\n');
    const { polls, observer } = read(
      withDatabases(
        `{url: "mysql://vipwatch:\${PASSWORD}@10.0.0.1"}`,
        '{url: "mysql://10.0.0.1:3307", user: vipwatch, password: "file:db-password"}',
      ),
      { PASSWORD: 'p@ss/w:rd%' },
    );
    const credentials = { user: 'vipwatch', password: 'p@ss/w:rd%' };
    expect(polls.databases.map((target) => target.credentials)).toEqual([credentials, credentials]);
    expect(polls.databases.map(({ label }) => label)).toEqual([
      'mysql://10.0.0.1:3306',
      'mysql://10.0.0.1:3307',
    ]);
    expect(JSON.stringify(observer)).not.toContain('p@ss');
  });

  it('is refused with all that is wrong, by line and key, and no secret', () => {
    const text = problems(
      withDatabases(
        `{url: "postgres://u:\${SECRET}@h/", every: 10ms, timeout: 2m, heartbeat: heartbeat, tls: yes}`,
        '{url: "mysql://10.0.0.1"}',
        '{url: "mysql://10.0.0.1:3307", password: hunter2}',
        `{url: "mysql://u:\${SECRET}@10.0.0.1:3308", user: u, password: hunter2}`,
        '{url: "unix:/a.sock", user: u, tls: true}',
        '{url: "mysql://10.0.0.1:3309", user: u, insecure: true, caFile: ca.pem}',
        '{url: "mysql://10.0.0.100", user: u}',
        '{url: "mariadb://10.0.0.1:3306", user: u}',
        '{url: "mysql:///a.sock", user: u, colour: red}',
        '{user: u}',
        '{url: "mysql://10.0.0.1:3310", user: 7, password: 7}',
      ),
      { SECRET: 'hunter2' },
    );
    expect(text).not.toContain('hunter2');
    expect(text.split('\n').map((line) => line.split('; ')[0])).toEqual([
      'v.yaml:6: nodes[0].database[0].url: the value does not fit',
      'v.yaml:6: nodes[0].database[0].every: "10ms" does not fit',
      'v.yaml:6: nodes[0].database[0].timeout: "2m" does not fit',
      'v.yaml:6: nodes[0].database[0].heartbeat: "heartbeat" does not fit',
      'v.yaml:6: nodes[0].database[0].tls: "yes" does not fit',
      'v.yaml:7: nodes[0].database[1].user: missing',
      'v.yaml:8: nodes[0].database[2].user: missing',
      'v.yaml:9: nodes[0].database[3].user: stands beside the user in url',
      'v.yaml:10: nodes[0].database[4].tls: is not for a socket',
      'v.yaml:11: nodes[0].database[5].caFile: is for tls: true only',
      'v.yaml:11: nodes[0].database[5].insecure: is for tls: true only',
      'v.yaml:12: nodes[0].database[6].url: asks whoever holds the VIP',
      "v.yaml:13: nodes[0].database[7].url: is hosta's already",
      'v.yaml:14: nodes[0].database[8].colour: unknown key',
      "v.yaml:14: nodes[0].database[8].url: is hosta's already",
      'v.yaml:15: nodes[0].database[9].url: missing',
      'v.yaml:16: nodes[0].database[10].user: 7 does not fit',
      'v.yaml:16: nodes[0].database[10].password: the value (a number: put it in quotes) does not fit',
    ]);
    expect(
      problems(withDatabases('{url: "mysql://10.0.0.1", user: u, tls: true, caFile: nowhere.pem}')),
    ).toMatch(/^v\.yaml:6: nodes\[0\]\.database\[0\]\.caFile: nowhere\.pem cannot be read: no such file/);
  });

  it.each([
    'mysql://vipwatch:100%@10.0.0.1',
    'mysql://:secret@10.0.0.1',
    'mysql://10.0.0.1:0',
    'mysql://10.0.0.1/orders',
    'mysql://',
    'unix:run/s.sock',
    'unix:/',
  ])('is nowhere at %s', (url) => {
    expect(problems(withDatabases(`{url: "${url}", user: u}`))).toMatch(
      /^v\.yaml:6: .*url: the value does not fit/,
    );
  });
});

describe('a service', () => {
  it('is asked through the VIP and, less often, at each node', () => {
    const { polls, observer, remarks } = read(withService('{probe: "tcp://10.0.0.100:3306", every: 200ms}'));
    const shared = { cluster: 'web', router: 1, timeoutMs: 1_000, port: 3306, how: { kind: 'tcp' } };
    const label = 'tcp://10.0.0.100:3306';
    expect(polls.probes).toEqual([
      { ...shared, node: null, host: '10.0.0.100', label, everyMs: 200 },
      { ...shared, node: 'hosta', host: '10.0.0.1', label: `${label} at hosta`, everyMs: 2_000 },
      { ...shared, node: 'hostb', host: '10.0.0.2', label: `${label} at hostb`, everyMs: 2_000 },
    ]);
    expect(observer.clusters[0]?.virtualRouters.map(({ service }) => service)).toEqual([
      null,
      { probe: label, vip: '10.0.0.100', everyMs: 200, timeoutMs: 1_000, rise: 2 },
    ]);
    expect(remarks).toEqual([]);
  });

  it('is asked as often as the observer is told', () => {
    for (const probe of ['tcp://10.0.0.100:80', 'mysql://10.0.0.100', 'mysql://check@10.0.0.100']) {
      const { polls, observer } = read(withService(`{probe: "${probe}"}`));
      expect(polls.probes[0]?.everyMs).toBe(observer.clusters[0]?.virtualRouters[1]?.service?.everyMs);
    }
  });

  it('is asked at the nodes that may hold the VIP, in its own family, or at none', () => {
    const hosts = (service: string, vips: string, more = '') =>
      read(withService(service, vips).replace('vrid: 51,', `vrid: 51, ${more}`)).polls.probes.map(
        ({ node, host }) => [node, host],
      );
    expect(hosts('{probe: "tcp://[FD00::100]:80"}', '"fd00:0::100"')).toEqual([
      [null, 'fd00::100'],
      ['hosta', 'fd00::1'],
    ]);
    expect(hosts('{probe: "tcp://10.0.0.100:80"}', '10.0.0.100', 'nodes: [hostb],')).toEqual([
      [null, '10.0.0.100'],
      ['hostb', '10.0.0.2'],
    ]);
    expect(hosts('{probe: "tcp://10.0.0.100:80", nodes: false}', '10.0.0.100')).toEqual([
      [null, '10.0.0.100'],
    ]);
  });

  it('of HTTP may have to answer with a status and a text', () => {
    const { polls, observer } = read(
      withService(
        `{probe: "https://u:\${PASSWORD}@shop.example.com:8443/health?key=\${PASSWORD}", expect: {status: 204, text: fine}, insecure: true, nodes: false, every: 100ms, timeout: 250ms, rise: 3}`,
      ),
      { PASSWORD: 's/cret' },
    );
    expect(polls.probes).toEqual([
      {
        cluster: 'web',
        router: 1,
        node: null,
        host: 'shop.example.com',
        port: 8443,
        label: 'https://shop.example.com:8443/health?…',
        everyMs: 100,
        timeoutMs: 250,
        how: {
          kind: 'http',
          tls: { ca: null, insecure: true },
          path: '/health?key=s%2Fcret',
          hostName: 'shop.example.com',
          credentials: { user: 'u', password: 's/cret' },
          status: 204,
          text: 'fine',
        },
      },
    ]);
    // a name may be one of any VIP
    expect(observer.clusters[0]?.virtualRouters[1]?.service).toEqual({
      probe: 'https://shop.example.com:8443/health?…',
      vip: '10.0.0.100',
      everyMs: 100,
      timeoutMs: 250,
      rise: 3,
    });
  });

  it('of MySQL greets, or answers a statement of a user', () => {
    const how = (service: string) => read(withService(service)).polls.probes[0];
    expect(how('{probe: "mysql://10.0.0.100"}')).toMatchObject({
      port: 3306,
      how: { kind: 'mysql', credentials: null, query: null },
    });
    expect(how('{probe: "mysql://10.0.0.100:3307", user: check, query: SELECT 1}')).toMatchObject({
      port: 3307,
      how: { kind: 'mysql', credentials: { user: 'check', password: '' }, query: 'SELECT 1' },
    });
  });

  it('that is asked at no VIP is remarked upon, and no mistake', () => {
    const { remarks, observer } = read(withService('{probe: "tcp://192.0.2.1:80"}'));
    expect(remarks.map((remark) => remark.replace(`${folder}/`, ''))).toEqual([
      'v.yaml:8: 192.0.2.1 is none of its vips (10.0.0.100): right only if it leads to one of them',
    ]);
    expect(observer.clusters[0]?.virtualRouters[1]?.service?.vip).toBe('192.0.2.1');
    expect(read(withService('{probe: "tcp://vip.example.com:80"}')).remarks).toEqual([]);
    expect(read(withService('{probe: "tcp://192.0.2.1:80"}', '')).remarks).toEqual([]);
  });

  it.each([
    ['{probe: "tcp://10.0.0.100"}', 'probe: the value does not fit; expected tcp://HOST:PORT'],
    ['{probe: "tcp://10.0.0.100:80/x"}', 'probe: the value does not fit'],
    ['{probe: "tcp://u:hunter2@10.0.0.100:80"}', 'probe: has a user'],
    ['{probe: "tcp://10.0.0.100:80", user: u}', 'user: is not for tcp://'],
    ['{probe: "tcp://10.0.0.100:80", expect: {status: 200}}', 'expect: is not for tcp://'],
    ['{probe: "http://10.0.0.100", query: SELECT 1}', 'query: is not for http://; it is for mysql://'],
    ['{probe: "http://10.0.0.100", insecure: true}', 'insecure: is not for http://; it is for https://'],
    ['{probe: "http://10.0.0.100", expect: {status: 99}}', 'expect.status: 99 does not fit'],
    ['{probe: "http://u:hunter2@10.0.0.100", user: u}', 'user: stands beside the user in probe'],
    ['{probe: "mysql://10.0.0.100", query: SELECT 1}', 'query: needs a user'],
    ['{probe: "mysql://10.0.0.100", password: hunter2}', 'user: missing'],
    [
      '{probe: "tcp://10.0.0.100:80", every: 99ms}',
      'every: "99ms" does not fit; expected a duration from 100ms',
    ],
    ['{probe: "tcp://10.0.0.100:80", timeout: 11s}', 'timeout: "11s" does not fit'],
    ['{probe: "tcp://10.0.0.100:80", rise: 0}', 'rise: 0 does not fit'],
    ['{every: 1s}', 'probe: missing'],
  ])('%s is refused', (service, expected) => {
    const text = problems(withService(service));
    expect(text).toContain(`v.yaml:8: virtualRouters[1].service.${expected}`);
    expect(text).not.toContain('hunter2');
  });
});

it.each([
  'badPolls: 0',
  'beyondFor: 2d',
  'saturatedAt: 90',
  'driftFor: 60',
  'lagWarning: 30',
  'takeoverLag: -1s',
  'dualWrites: 0',
  'dualWritesWindow: 2h',
  'flowPausedAt: 0',
])('the threshold %s is refused', (threshold) => {
  expect(problems(`thresholds: {${threshold}}`)).toContain(`thresholds.${threshold.split(':')[0]}: `);
});

it.each([
  ['lagWarning: 10m', 'lagWarning'],
  ['lagCritical: 30s', 'lagCritical'],
  ['lagWarning: 1m, lagCritical: 1m', 'lagCritical'],
])('a critical lag that is not beyond the warning is refused: %s', (thresholds, key) => {
  expect(problems(`thresholds: {${thresholds}}`)).toContain(
    `thresholds.${key}: the critical lag is not beyond the warning`,
  );
});
