import { describe, expect, it } from 'vitest';
import { ConfigurationError, parseConfiguration, readConfiguration } from '../../src/config/read.ts';
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
    const { observer, interfaces, unused } = read(`
capture: {interfaces: [eth0]}
clusters:
  - name: orders-db
    nodes:
      - name: hosta
        addresses: [192.168.10.11, "FE80:0:0:0:0:0:0:000A"]
        haproxy:
          - url: http://192.168.10.11:8888/status
            password: \${NOT_SET_AND_NOT_NEEDED_YET}
      - {name: hostb, addresses: [192.168.10.12]}
    virtualRouters:
      - vrid: 51
        segment: eth0
        vips: [192.168.10.10]
        nodes: [hosta, hostb]
      - {vrid: 52, unicast: true}
journal: {path: /var/lib/vipwatch/journal.db}
`);
    expect(interfaces).toEqual(['eth0']);
    expect(unused).toEqual(['clusters[0].nodes[0].haproxy', 'journal']);
    expect(observer.thresholds).toEqual(DEFAULT_THRESHOLDS);
    expect(observer.clusters).toEqual([
      {
        name: 'orders-db',
        nodes: [
          { name: 'hosta', addresses: ['192.168.10.11', 'fe80::a'] },
          { name: 'hostb', addresses: ['192.168.10.12'] },
        ],
        virtualRouters: [
          { vrid: 51, segment: 'eth0', vips: ['192.168.10.10'], nodes: ['hosta', 'hostb'], unicast: false },
          { vrid: 52, segment: null, vips: [], nodes: [], unicast: true },
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
      'thresholds: {flappingFailovers: 3, flappingWindow: 1m, garpMissingAfter: 1.5s, forgetAfter: 2d}',
    );
    expect(observer.thresholds).toEqual({
      ...DEFAULT_THRESHOLDS,
      flappingFailovers: 3,
      flappingWindowS: 60,
      garpMissingAfterMs: 1500,
      forgetAfterH: 48,
    });
  });

  it('may be empty', () => {
    expect(read('# nothing yet\n').observer.clusters).toEqual([]);
  });

  it('resolves variables after the YAML is parsed', () => {
    const text = `cluster: "\${NAME}"\nnodes: []\n`;
    expect(read(text, { NAME: 'x: [y' }).observer.clusters[0]?.name).toBe('x: [y');
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
      'vipwatch.yaml:7: clusters[0].nodes[1].adresses: unknown key; known here: name, addresses, haproxy, database',
      'vipwatch.yaml:9: clusters[0].virtualRouters[0].vrid: 512 does not fit; expected a whole number from 1 to 255',
      'vipwatch.yaml:10: clusters[0].virtualRouters[0].vips: "192.168.10.10" does not fit; expected a list of virtual IP addresses',
      'vipwatch.yaml:11: clusters[0].virtualRouters[1].vrid: missing; expected a whole number from 1 to 255',
      'vipwatch.yaml:12: clusters[0].virtualRouters[1].unicast: "yes" does not fit; expected true or false',
      'vipwatch.yaml:13: colour: unknown key; known here: capture, clusters, cluster, nodes, virtualRouters, thresholds, journal, influx, grafana, alerts',
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
