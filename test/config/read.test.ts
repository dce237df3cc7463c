import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../src/config/located-yaml.ts';
import { parseConfiguration, readConfiguration } from '../../src/config/read.ts';
import { DEFAULT_THRESHOLDS } from '../../src/observer/configuration.ts';

const read = (text: string, environment: Record<string, string> = {}) =>
  parseConfiguration(text, 'vipwatch.yaml', environment);

/** The messages of a file that must be refused. */
function problems(text: string, environment: Record<string, string> = {}): string[] {
  try {
    read(text, environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message.split('\n');
    throw error;
  }
  throw new Error('the file was accepted');
}

describe('a configuration', () => {
  it('names nodes and virtual routers', () => {
    const { observer, capture } = read(`
capture: {interfaces: [eth0]}
clusters:
  - name: orders-db
    nodes:
      - name: hosta
        addresses: [192.168.10.11, "FE80:0:0:0:0:0:0:000A"]
      - {name: hostb, addresses: [192.168.10.12]}
    virtualRouters:
      - vrid: 51
        segment: eth0
        vips: [192.168.10.10]
        nodes: [hosta, hostb]
      - {vrid: 52, unicast: true}
`);
    expect(capture).toEqual({ interfaces: ['eth0'], join: true });
    expect(observer.thresholds).toEqual(DEFAULT_THRESHOLDS);
    expect(observer.clusters).toEqual([
      {
        name: 'orders-db',
        nodes: [
          { name: 'hosta', addresses: ['192.168.10.11', 'fe80::a'], proxies: [], databases: [] },
          { name: 'hostb', addresses: ['192.168.10.12'], proxies: [], databases: [] },
        ],
        virtualRouters: [
          {
            vrid: 51,
            segment: 'eth0',
            vips: ['192.168.10.10'],
            nodes: ['hosta', 'hostb'],
            unicast: false,
            service: null,
          },
          { vrid: 52, segment: null, vips: [], nodes: [], unicast: true, service: null },
        ],
      },
    ]);
  });

  it('may hold its one cluster at the top level', () => {
    const { observer } = read(
      'cluster: web\nnodes: [{name: a, addresses: [10.0.0.1]}]\nvirtualRouters: [{vrid: 7}]\n',
    );
    expect(observer.clusters.map(({ name, nodes }) => [name, nodes.length])).toEqual([['web', 1]]);
  });

  it('takes thresholds as durations', () => {
    const { observer } = read(
      `thresholds: {flappingFailovers: 3, flappingWindow: 1m, garpMissingAfter: 1.5s, forgetAfter: 2d,
  badPolls: 3, beyondFor: 5s, saturatedAt: 0.8, driftFor: 2m, lagWarning: 1m, lagCritical: 1h, takeoverLag: 500ms,
  dualWrites: 1, dualWritesWindow: 30s, flowPausedAt: 0.5}`,
    );
    expect(observer.thresholds).toEqual({
      ...DEFAULT_THRESHOLDS,
      flappingFailovers: 3,
      flappingWindowS: 60,
      garpMissingAfterMs: 1500,
      forgetAfterH: 48,
      badPolls: 3,
      beyondForMs: 5_000,
      saturatedAt: 0.8,
      driftForMs: 120_000,
      lagWarningS: 60,
      lagCriticalS: 3_600,
      takeoverLagS: 0.5,
      dualWrites: 1,
      dualWritesWindowS: 30,
      flowPausedAt: 0.5,
    });
  });

  it('says what is captured, how long the journal keeps what, and where the daemon listens', () => {
    const { capture, journal, control } = parseConfiguration(
      `capture: {interfaces: [eth0, eth1], join: false}
journal: {path: data/journal.db, retention: 90d, samples: 12h}
control: {path: /run/other/control.sock}
`,
      '/etc/vipwatch/vipwatch.yaml',
      {},
    );
    expect(capture).toEqual({ interfaces: ['eth0', 'eth1'], join: false });
    expect(journal).toEqual({
      path: '/etc/vipwatch/data/journal.db',
      retentionMs: 90 * 86_400_000,
      samplesMs: 12 * 3_600_000,
    });
    expect(control).toEqual({ path: '/run/other/control.sock' });
  });

  it('keeps events for 30 days and samples for 3, and looks for its places, where nothing else is said', () => {
    expect(read('')).toMatchObject({
      capture: { interfaces: [], join: true },
      journal: { path: null, retentionMs: 30 * 86_400_000, samplesMs: 3 * 86_400_000 },
      control: { path: null },
      influx: null,
    });
  });

  it('may have one VRID on two segments, in two clusters, and in both families of one', () => {
    const { observer } = read(`clusters:
  - name: web
    virtualRouters:
      - {vrid: 51, segment: eth0, vips: [10.0.0.100]}
      - {vrid: 51, segment: eth0, vips: ["fd00::100"]}
  - name: db
    virtualRouters:
      - {vrid: 51, segment: eth1, vips: [10.1.0.100]}
`);
    expect(observer.clusters.map((cluster) => cluster.virtualRouters.map(({ segment }) => segment))).toEqual([
      ['eth0', 'eth0'],
      ['eth1'],
    ]);
  });

  it('may be empty', () => {
    expect(read('# nothing yet\n').observer.clusters).toEqual([]);
  });

  it('resolves variables after the YAML is parsed', () => {
    const text = `cluster: "\${NAME}"\nnodes: []\n`;
    expect(read(text, { NAME: 'x: [y' }).observer.clusters[0]?.name).toBe('x: [y');
  });
});

describe('a value from outside', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vipwatch-config-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const nameOf = (text: string, environment: Record<string, string> = {}) =>
    parseConfiguration(`cluster: ${text}\nnodes: []\n`, join(folder, 'v.yaml'), environment).observer
      .clusters[0]?.name;

  it('is what a file holds, without the line break at its end, relative to the configuration', () => {
    writeFileSync(join(folder, 'name'), ' web \n');
    expect(nameOf('file:name')).toBe('web');
    expect(nameOf(`file:${join(folder, 'name')}`)).toBe('web');
    expect(nameOf(`"file:\${CREDENTIALS_DIRECTORY}/name"`, { CREDENTIALS_DIRECTORY: folder })).toBe('web');
  });

  it('is a variable’s as it is, and percent-encoded inside a URL', () => {
    const environment = { PASSWORD: 'p@ss/w:rd', URL: `http://h/\${PASSWORD}` };
    expect(nameOf(`"\${PASSWORD}"`, environment)).toBe('p@ss/w:rd');
    expect(nameOf(`"mysql://u:\${PASSWORD}@h:3306"`, environment)).toBe('mysql://u:p%40ss%2Fw%3Ard@h:3306');
    expect(nameOf(`"\${URL}"`, environment)).toBe(`http://h/\${PASSWORD}`);
  });

  it('is a problem with its line where there is none', () => {
    const wrong = (text: string) => {
      try {
        return nameOf(text);
      } catch (error) {
        return error instanceof ConfigurationError ? error.message.replace(`${folder}/`, '') : error;
      }
    };
    writeFileSync(join(folder, 'empty'), '\n');
    expect(wrong('file:nowhere')).toBe(
      'v.yaml:1: cluster: file:nowhere cannot be read: no such file; file: takes the path of a readable file that holds the value and nothing else',
    );
    expect(wrong('file:empty')).toMatch(/^v\.yaml:1: cluster: file:empty is empty; /);
    expect(wrong('file:.')).toMatch(/^v\.yaml:1: cluster: file:\. is no regular file; /);
    expect(wrong('file:/dev/zero')).toMatch(/file:\/dev\/zero is no regular file; /);
  });

  it('is never shown, whatever is wrong with it', () => {
    writeFileSync(join(folder, 'secret'), 'hunter2\n');
    const environment = { SECRET: 'hunter2' };
    const text = `capture: {interfaces: "\${SECRET}"}
cluster: web
nodes:
  - {name: "\${SECRET}", addresses: ["file:secret"]}
  - {name: file:secret, addresses: ["file:secret"]}
virtualRouters:
  - {vrid: "\${SECRET}", nodes: [c]}
  - {vrid: 51, nodes: ["x\${SECRET}"]}
`;
    let message = '';
    try {
      parseConfiguration(text, join(folder, 'v.yaml'), environment);
    } catch (error) {
      message = error instanceof Error ? error.message : '';
    }
    expect(message).not.toContain('hunter2');
    expect(message.split('\n')).toHaveLength(8);
    expect(message).toContain(`no node is named x\${SECRET}; the cluster's nodes: \${SECRET}, file:secret`);
  });
});

describe('the section influx', () => {
  const read = (section: string) =>
    parseConfiguration(`influx: ${section}\n`, '/etc/vipwatch/vipwatch.yaml', {
      TOKEN: 'se/cret',
      URL: 'http://tsdb:8086/',
    }).influx;

  it('of version 1 needs a database, and may have a user and a retention policy to be made', () => {
    expect(read('{url: "http://127.0.0.1:8086/influx/", database: vipwatch}')).toEqual({
      url: 'http://127.0.0.1:8086/influx',
      version: 1,
      database: 'vipwatch',
      org: null,
      token: null,
      user: null,
      password: null,
      retentionPolicy: null,
      retention: 'INF',
      ca: null,
      insecure: false,
    });
    const section = `{url: "\${URL}", database: d, user: u, password: "\${TOKEN}", retentionPolicy: long, retention: 52w, insecure: true}`;
    expect(read(section)).toMatchObject({
      url: 'http://tsdb:8086',
      user: 'u',
      password: 'se/cret',
      retentionPolicy: 'long',
      retention: '52w',
      insecure: true,
    });
  });

  it('is used, with each of its keys', () => {
    const text = `influx: {url: "http://h", database: "\${NAME}"}`;
    const { influx } = parseConfiguration(text, 'f.yaml', { NAME: 'vw' });
    expect(influx?.database).toBe('vw');
  });

  it('of versions 2 and 3 has a token', () => {
    expect(read(`{url: "\${URL}", version: 2, org: ops, bucket: b, token: "\${TOKEN}"}`)).toMatchObject({
      version: 2,
      org: 'ops',
      database: 'b',
      token: 'se/cret',
    });
    expect(read(`{url: "\${URL}", version: 3, database: d, token: "\${TOKEN}"}`)).toMatchObject({
      version: 3,
      database: 'd',
    });
  });

  it.each([
    [
      '{url: "http://h", version: 2, database: d}',
      ['database: is not for InfluxDB 2', 'org: missing', 'bucket: missing', 'token: missing'],
    ],
    ['{url: "http://h"}', ['database: missing; InfluxDB 1 needs database']],
    ['{url: "http://h", version: 4, database: d}', ['version: 4 does not fit; expected 1, 2 or 3']],
    ['{url: "http://u:p@h", database: d}', ['url: the value does not fit; expected the address']],
    ['{url: "h:8086", database: d}', ['url: the value does not fit']],
    ['{url: "http://h", database: d, password: p}', ['user: missing; a password is of a user']],
    ['{url: "http://h", database: d, retention: 90d}', ['retentionPolicy: missing']],
    [
      '{url: "http://h", database: d, caFile: nowhere.pem}',
      ['caFile: /etc/vipwatch/nowhere.pem cannot be read: no such file'],
    ],
  ])('%s is refused', (section, expected) => {
    let message = '';
    try {
      read(section);
    } catch (error) {
      message = error instanceof ConfigurationError ? error.message : '';
    }
    for (const part of expected) expect(message).toContain(`influx.${part}`);
  });
});

describe('a wrong configuration', () => {
  it('is refused with all that is wrong, in order of the lines', () => {
    expect(
      problems(`clusters:
  - name: orders-db
    nodes:
      - name: hosta
        addresses: [192.168.10.999]
      - name: hosta
        adresses: [192.168.10.12]
    virtualRouters:
      - vrid: 512
        vips: 192.168.10.10
      - segment: eth0
        unicast: "yes"
colour: red
`),
    ).toEqual([
      'vipwatch.yaml:5: clusters[0].nodes[0].addresses[0]: "192.168.10.999" does not fit; expected an IPv4 or IPv6 address without prefix or zone, such as 192.168.10.11',
      'vipwatch.yaml:6: clusters[0].nodes[1].addresses: missing; expected a list of IP addresses',
      'vipwatch.yaml:6: clusters[0].nodes[1].name: a second node named hosta; each needs its own name',
      'vipwatch.yaml:7: clusters[0].nodes[1].adresses: unknown key; known here: name, addresses, haproxy, database',
      'vipwatch.yaml:9: clusters[0].virtualRouters[0].vrid: 512 does not fit; expected a whole number from 1 to 255',
      'vipwatch.yaml:10: clusters[0].virtualRouters[0].vips: "192.168.10.10" does not fit; expected a list of virtual IP addresses',
      'vipwatch.yaml:11: clusters[0].virtualRouters[1].vrid: missing; expected a whole number from 1 to 255',
      'vipwatch.yaml:12: clusters[0].virtualRouters[1].unicast: "yes" does not fit; expected true or false',
      'vipwatch.yaml:13: colour: unknown key; known here: capture, clusters, cluster, nodes, virtualRouters, thresholds, journal, control, influx, grafana, alerts',
    ]);
  });

  it('is refused where names do not agree', () => {
    expect(
      problems(`cluster: web
nodes:
  - {name: a, addresses: [10.0.0.1]}
  - {name: a, addresses: [10.0.0.1]}
virtualRouters:
  - vrid: 51
    nodes: [a, c]
`),
    ).toEqual([
      'vipwatch.yaml:4: nodes[1].name: a second node named a; each needs its own name',
      "vipwatch.yaml:4: nodes[1].addresses[0]: 10.0.0.1 is a's already; an address belongs to one node",
      "vipwatch.yaml:7: virtualRouters[0].nodes[1]: no node is named c; the cluster's nodes: a",
    ]);
  });

  it('is refused where names do not agree, whatever else is wrong', () => {
    expect(
      problems(`clusters:
  - name: web
    nodes: [{name: a, addresses: [10.0.0.1]}]
    virtualRouters:
      - {vrid: 0, nodes: [a, nobody]}
colour: red
`),
    ).toEqual([
      'vipwatch.yaml:5: clusters[0].virtualRouters[0].vrid: 0 does not fit; expected a whole number from 1 to 255',
      "vipwatch.yaml:5: clusters[0].virtualRouters[0].nodes[1]: no node is named nobody; the cluster's nodes: a",
      expect.stringMatching(/^vipwatch\.yaml:6: colour: unknown key/),
    ]);
  });

  it('is refused where nobody can tell which of two virtual routers is meant', () => {
    expect(
      problems(`clusters:
  - name: web
    virtualRouters:
      - {vrid: 51, vips: [10.0.0.100]}
      - {vrid: 52, segment: eth0}
  - name: db
    virtualRouters:
      - {vrid: 51, segment: eth1, vips: [10.1.0.100]}
      - {vrid: 52, segment: eth0, vips: [10.1.0.101]}
`),
    ).toEqual([
      'vipwatch.yaml:8: clusters[1].virtualRouters[0].vrid: VRID 51 stands twice; give each of the two its own segment, such as segment: eth0',
      'vipwatch.yaml:9: clusters[1].virtualRouters[1].vrid: VRID 52 stands twice on segment eth0; a segment has each VRID once in IPv4 and once in IPv6',
    ]);
  });

  it('is refused where an interface stands twice or a socket’s path is longer than the kernel takes', () => {
    expect(
      problems(`capture: {interfaces: [eth0, eth0]}\ncontrol: {path: /run/${'x'.repeat(103)}}\n`),
    ).toEqual([
      'vipwatch.yaml:1: capture.interfaces[1]: eth0 stands twice; once is enough',
      expect.stringMatching(/^vipwatch\.yaml:2: control\.path: .* does not fit; .* of at most 107 bytes$/),
    ]);
  });

  it('is refused where a variable is not set', () => {
    expect(problems(`cluster: web\nnodes:\n  - name: a\n    addresses:\n      - \${ADDRESS_A}\n`)).toEqual([
      `vipwatch.yaml:5: nodes[0].addresses[0]: the variable \${ADDRESS_A} is not set; set ADDRESS_A in the environment, or write the value itself`,
    ]);
  });

  it('is refused where one cluster stands beside a list of them', () => {
    expect(problems('cluster: web\nclusters: []\n')).toEqual([
      'vipwatch.yaml:2: clusters: stands beside cluster, nodes or virtualRouters; either one cluster at the top level, or all of them under clusters',
    ]);
  });

  it('is refused with the line where it is no YAML', () => {
    const [problem] = problems('cluster: web\nnodes: [}\n');
    expect(problem).toMatch(/^vipwatch\.yaml:2: .*; valid YAML is needed$/);
  });

  it('is refused where it is no mapping', () => {
    expect(problems('just words\n')[0]).toMatch(
      /^vipwatch\.yaml:1: the file: "just words" does not fit; expected a mapping/,
    );
  });

  it('is refused where there is none', () => {
    expect(() => readConfiguration('/nonexistent/v.yaml', {})).toThrow('/nonexistent/v.yaml: no such file');
  });
});
