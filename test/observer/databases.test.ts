/** What is known of databases beside events: samples, the present for `status`, and the memory that dates a lag. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEFAULT_THRESHOLDS, type ObserverConfiguration } from '../../src/observer/configuration.ts';
import { History } from '../../src/observer/databases/history.ts';
import type { Position } from '../../src/observer/databases/position.ts';
import { Observer } from '../../src/observer/observer.ts';
import { parseGtidSet } from '../../src/reading/gtid.ts';
import type { Sample } from '../../src/samples.ts';
import { instantFromUs, SECOND } from '../../src/time.ts';
import { databaseObservation } from '../support/database-words.ts';
import { playScenario, scenarioEvents } from '../support/scenario.ts';

const at = (s: number) => instantFromUs(s * SECOND);

const CONFIGURATION: ObserverConfiguration = {
  thresholds: DEFAULT_THRESHOLDS,
  clusters: [
    {
      name: 'web',
      nodes: ['a', 'b'].map((name, i) => ({
        name: `host-${name}`,
        addresses: [`10.0.0.${i + 1}`],
        proxies: [],
        databases: [
          { target: `mysql://host-${name}:3306`, host: `10.0.0.${i + 1}`, port: 3306, everyMs: 5_000 },
        ],
      })),
      virtualRouters: [],
    },
  ],
};

/** Polls in words, as in the scenarios: `a 0..20 gtid=…`, every five seconds. */
function observed(...polls: readonly string[]): { readonly observer: Observer; readonly samples: Sample[] } {
  const observer = new Observer({ samples: true, configuration: CONFIGURATION });
  const observations = polls.flatMap((line) => {
    const [node = '', span = '', ...words] = line.split(' ');
    const [from = 0, to = from] = span.split('..').map(Number);
    return Array.from({ length: Math.floor((to - from) / 5) + 1 }, (_, poll) =>
      databaseObservation({ at: at(from + 5 * poll), poll, node, cluster: 'web' }, words),
    );
  });
  const samples: Sample[] = [];
  for (const observation of observations.sort((x, y) => x.at - y.at)) {
    observer.observe(observation);
    samples.push(...observer.takeSamples());
  }
  return { observer, samples };
}

function replication(samples: readonly Sample[]): Sample['fields'][] {
  return samples.filter(({ measurement }) => measurement === 'replication').map(({ fields }) => fields);
}

it('that it is unreachable can have begun when it last answered, and nobody knows where it never did', () => {
  const begins = scenarioEvents(
    'configured databases=a,b\ndatabase a 0..20\ndatabase a 25..40 fail=refused\ndatabase b 5..20 fail=refused\nclock 50\n----\n',
  ).filter(({ kind }) => kind === 'database-unreachable');
  expect(begins.map(({ subject, time, details }) => [subject, time, details.uncertaintyMs])).toEqual([
    ['database:host-b', at(5), undefined],
    ['database:host-a', at(25), 4_995],
  ]);
});

describe('samples of a replica', () => {
  it('are taken when its state changes and every 30 s, not at every poll', () => {
    const { samples } = observed(
      'b 0..20 source=a lag=0 ro',
      'b 25..30 source=a sql=no:1062 lag=null ro',
      'b 35..65 source=a lag=0 ro',
    );
    const times = samples.filter(({ measurement }) => measurement === 'replication').map(({ time }) => time);
    expect(times).toEqual([0.005, 25.005, 30.005, 35.005, 60.005].map(at));
  });

  it('say broken, lagging and ok, and by whose word', () => {
    const { samples } = observed(
      'b 0 source=a lag=0 ro',
      'b 5..15 source=a lag=40 ro',
      'b 20 source=a lag=0',
      'b 25 source=a io=connecting lag=null',
    );
    expect(replication(samples)).toMatchObject([
      { state_code: 2n, lag_s: 0, lag_source: 'server', io_state: 'yes', sql_state: 'yes', read_only: true },
      { state_code: 1n, lag_s: 40 },
      { state_code: 2n, lag_s: 0, read_only: false },
      { state_code: 0n, io_state: 'connecting' },
    ]);
    expect(replication(samples).at(-1)).not.toHaveProperty('lag_s');
  });

  it('of a frozen source are not those of a healthy replica, though it says 0 seconds behind', () => {
    const { samples } = observed(
      'a 0..10 gtid=a:1-100',
      'b 1..36 source=a lag=0 gtid=a:1-100',
      'a 15..35 fail=timeout',
    );
    const frozen = replication(samples).at(-1);
    expect(frozen).toMatchObject({ state_code: 1n, gtid_gap: 0n });
    expect(frozen).not.toHaveProperty('lag_s');
  });

  it('count what it lacks of its source', () => {
    const { samples } = observed('a 0..35 gtid=a:1-100+5', 'b 1..36 source=a lag=0 gtid=a:1-100');
    expect(replication(samples).at(-1)).toMatchObject({ gtid_gap: 25n, lag_source: 'gtid' });
  });
});

it('Galera nodes and NDB SQL nodes have samples, too', () => {
  const { samples } = observed('a 0..5 galera=Primary/3/4/7 paused=0+2500', 'b 0 ndb=3/4');
  expect(samples.map(({ measurement, tags, fields }) => ({ measurement, tags, fields }))).toEqual([
    {
      measurement: 'galera',
      tags: { cluster: 'web', node: 'host-a' },
      fields: { state: 'Synced', state_code: 4n, primary: true, size: 3n, recv_queue_avg: 0 },
    },
    { measurement: 'ndb', tags: { cluster: 'web', node: 'host-b' }, fields: { ready: 3n, total: 4n } },
  ]);
});

describe('the state of databases', () => {
  it('is that of the latest answer, and says that it is none of the present', () => {
    const { observer } = observed(
      'a 0..10 gtid=a:1-100',
      'b 1..11 source=a lag=0 gtid=a:1-100 ro',
      'b 16..26 fail=refused',
    );
    expect(observer.databases()).toMatchObject([
      {
        subject: 'database:host-a',
        node: 'host-a',
        reachable: true,
        since: at(0),
        error: null,
        channels: [],
      },
      {
        target: 'mysql://host-b:3306',
        reachable: false,
        since: at(16),
        error: 'connect: refused',
        version: '8.0.36',
        readOnly: true,
        channels: [{ name: 'default', source: 'host-a', io: 'yes', sql: 'yes', error: null }],
        galera: null,
        ndb: null,
      },
    ]);
  });

  it('says what may not be asked', () => {
    const { observer } = observed('a 0 denied');
    expect(observer.databases()[0]).toMatchObject({ channels: [], denied: ['GRANT REPLICATION CLIENT'] });
    expect(observer.databases()[1]).toMatchObject({ reachable: null, since: null, version: null });
  });
});

it('what nobody configured is not listened to', () => {
  const observer = new Observer({ samples: true, configuration: CONFIGURATION });
  for (let poll = 0; poll < 4; poll++) {
    const stranger = { at: at(5 * poll), poll, node: 'z', cluster: 'web' };
    expect(observer.observe(databaseObservation(stranger, ['fail=refused']))).toEqual([]);
  }
  expect(observer.databases().map(({ node }) => node)).toEqual(['host-a', 'host-b']);
});

describe('the memory of where a source was', () => {
  const upTo = (last: number): Position => ({
    kind: 'sets',
    sets: parseGtidSet(`00000000-0000-0000-0000-00000000000a:1-${last}`) ?? new Map(),
    size: 1,
  });

  it('dates what is missing by when it was first seen', () => {
    const history = new History();
    for (let s = 0; s < 100; s++) history.seen(at(s), upTo(100 + s), null);
    expect(history.gtidGap(upTo(140), at(90))).toEqual({
      by: 'gtid',
      transactions: 50,
      missingSince: at(41),
      atLeast: false,
    });
    expect(history.gtidGap(upTo(190), at(90))).toMatchObject({ transactions: 0, missingSince: null });
  });

  it('reaches back for hours, with fewer dates', () => {
    const history = new History();
    for (let s = 0; s < 10_000; s++) history.seen(at(s), upTo(100 + s), null);
    const since = history.gtidGap(upTo(1_100), at(10_000))?.missingSince ?? at(0);
    expect(since).toBeGreaterThan(at(1_000));
    expect(since).toBeLessThan(at(1_200));
  });

  it('says where it does not reach back far enough', () => {
    const history = new History();
    for (let s = 0; s < 10; s++) history.seen(at(s), upTo(100 + s), null);
    expect(history.gtidGap(upTo(50), at(9))).toMatchObject({ atLeast: true, missingSince: at(0) });
  });

  it('begins anew where the source was set up anew', () => {
    const history = new History();
    for (let s = 0; s < 10; s++) history.seen(at(s), upTo(100 + s), null);
    history.seen(at(10), upTo(3), null);
    expect(history.gtidGap(upTo(3), at(11))).toMatchObject({ transactions: 0, missingSince: null });
  });
});

describe('smaller steps of time change nothing', () => {
  const folder = join(import.meta.dirname, 'scenarios');
  const stories = readdirSync(folder).filter((name) =>
    /^(database|replication|errant|galera|ndb|dual|vip-on-read|takeover)/.test(name),
  );
  it.each(stories)('in %s', (name) => {
    const [commands = '', ...more] = readFileSync(join(folder, name), 'utf8').split('----\n');
    expect(more).toHaveLength(1);
    const times = [...commands.matchAll(/^(?:database|adverts?) \w (?:[\d.]+\.\.)?([\d.]+)/gm)].map(timeOf);
    const clocks = Array.from(
      { length: Math.floor(Math.max(...times) / 0.37) },
      (_, i) => `clock ${0.37 * i}`,
    );
    const played = playScenario(`${commands}${clocks.join('\n')}\n----\n`);
    expect(played.split('----\n')[1]).toBe(more[0]);
  });
});

function timeOf([, time]: RegExpMatchArray): number {
  return Number(time);
}
