import { describe, expect, it } from 'vitest';
import { probePlace, probeTargets, type ServiceSettings } from '../../../src/poll/probes/targets.ts';

const SERVICE: ServiceSettings = {
  cluster: 'orders-db',
  router: 1,
  vips: ['192.168.10.10'],
  probe: 'mysql://192.168.10.10',
  everyMs: 200,
  timeoutMs: 1_000,
  expectStatus: null,
  expectText: null,
  query: 'SELECT 1',
  credentials: { user: 'probe', password: 'geheim' },
  tls: { ca: null, insecure: false },
  nodes: true,
  members: [
    { name: 'hosta', addresses: ['fe80::1', '192.168.10.11', '10.0.0.11'] },
    { name: 'hostb', addresses: ['fe80::2', '192.168.10.12'] },
    { name: 'hostc', addresses: ['fe80::3'] },
  ],
};

describe('a service becomes targets', () => {
  it('the VIP, and each node with an address of its family, more slowly', () => {
    const how = { kind: 'mysql', credentials: SERVICE.credentials, query: 'SELECT 1' };
    const common = { cluster: 'orders-db', router: 1, port: 3306, timeoutMs: 1_000, how };
    const label = 'mysql://192.168.10.10:3306';
    expect(probeTargets(SERVICE)).toEqual([
      { ...common, node: null, host: '192.168.10.10', label, everyMs: 200 },
      { ...common, node: 'hosta', host: '192.168.10.11', label: `${label} at hosta`, everyMs: 2_000 },
      { ...common, node: 'hostb', host: '192.168.10.12', label: `${label} at hostb`, everyMs: 2_000 },
    ]);
  });

  it('the VIP alone where told so', () => {
    expect(probeTargets({ ...SERVICE, nodes: false }).map(({ node }) => node)).toEqual([null]);
  });

  it('nodes are asked no more often than the VIP', () => {
    expect(probeTargets({ ...SERVICE, everyMs: 10_000 }).map(({ everyMs }) => everyMs)).toEqual([
      10_000, 10_000, 10_000,
    ]);
  });

  it('a node is asked by the name that the URL has, and a name takes the family of the VIPs', () => {
    const targets = probeTargets({
      ...SERVICE,
      probe: 'https://shop.example/health?key=geheim',
      expectStatus: 200,
    });
    expect(targets.map(({ host, port, label }) => [host, port, label])).toEqual([
      ['shop.example', 443, 'https://shop.example/health?…'],
      ['192.168.10.11', 443, 'https://shop.example/health?… at hosta'],
      ['192.168.10.12', 443, 'https://shop.example/health?… at hostb'],
    ]);
    for (const { how } of targets) {
      expect(how).toMatchObject({
        kind: 'http',
        hostName: 'shop.example',
        path: '/health?key=geheim',
        status: 200,
      });
    }
  });

  it('without an account a MySQL server is asked seldom, unless told otherwise', () => {
    const every = (more: Partial<ServiceSettings>) =>
      probeTargets({ ...SERVICE, everyMs: null, ...more })[0]?.everyMs;
    expect(every({ credentials: null })).toBe(5_000);
    expect(every({})).toBe(500);
    expect(every({ credentials: null, everyMs: 300 })).toBe(300);
  });
});

describe('a probe URL', () => {
  it.each([
    ['tcp://10.0.0.1:9083', { kind: 'tcp', host: '10.0.0.1', port: 9083, path: '' }],
    ['http://10.0.0.1', { kind: 'http', host: '10.0.0.1', port: 80, path: '/' }],
    ['https://[2001:db8::1]:8443/x?y', { kind: 'https', host: '2001:db8::1', port: 8443, path: '/x?y' }],
    ['mysql://[2001:db8::1]/', { kind: 'mysql', host: '2001:db8::1', port: 3306, path: '' }],
    ['mysql://db_1.example', { kind: 'mysql', host: 'db_1.example', port: 3306, path: '' }],
  ])('%s is understood', (url, place) => {
    expect(probePlace(url)).toEqual(place);
  });

  it.each([
    'tcp://10.0.0.1',
    'tcp://10.0.0.1:0',
    'tcp://10.0.0.1:99999',
    'tcp://10.0.0.1:80/path',
    'tcp:9083',
    '10.0.0.1:80',
    'mysql://root:geheim@10.0.0.1',
    'mysql://10.0.0.1/database',
    'http://probe@10.0.0.1/',
    'http://10.0.0.1/#part',
    'ftp://10.0.0.1/',
    'tcp://:80',
    'tcp://a b:80',
    '',
  ])('%j is none', (url) => {
    expect(probePlace(url)).toBeNull();
  });
});
