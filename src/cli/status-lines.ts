/**
 * `vipwatch status` for a person, at 80 columns: first whether all is well, then each virtual router, then what is
 * probed and polled. Pure.
 */
import { type Instant, instantFromIso, instantFromUs, MS } from '../time.ts';
import type {
  CaptureStatus,
  DatabaseStatus,
  ProxyStatus,
  RouterStatus,
  SegmentStatus,
  ServiceStatus,
  StatusDocument,
} from '../timeline/status.ts';
import { type Clock, type Colour, duration, type Paint, plural } from './terminal.ts';

/** Of other people's virtual routers no more are shown than these. */
const FOREIGN_MAX = 12;

export function* statusLines(status: StatusDocument, clock: Clock, paint: Paint): Generator<string> {
  const now = at(status.now);
  yield verdictLine(status, paint);
  const watching = status.captures.map((capture) => capture.name).join(', ');
  yield paint(
    `vipwatch ${status.release} on ${status.host}, ${watching === '' ? 'watching nothing' : `watching ${watching}`} for ${span(status.startedAt, now)}`,
    'dim',
  );

  for (const condition of status.open) {
    yield '';
    const [label, ...colours] = LABELS[condition.severity];
    yield `${paint(label, ...colours)}  ${condition.subject}  for ${span(condition.since, now)}`;
    yield* wrapped(condition.summary, '      ');
    if (condition.advice !== null) yield* wrapped(`→ ${condition.advice}`, '      ');
  }

  const ours = status.virtualRouters.filter((router) => router.ours);
  for (const router of ours) {
    yield '';
    yield* routerLines(router, now, clock, paint);
  }
  if (status.virtualRouters.length === 0) {
    yield '';
    yield 'No virtual router has been heard.';
  }

  if (status.services.length + status.proxies.length + status.databases.length > 0) yield '';
  for (const service of status.services) yield* stateLines(serviceText(service, now), paint);
  for (const proxy of status.proxies) yield* stateLines(proxyText(proxy, now), paint);
  for (const database of status.databases) yield* stateLines(databaseText(database, now), paint);

  const foreign = status.virtualRouters.filter((router) => !router.ours);
  if (foreign.length > 0) {
    yield '';
    yield paint(`Other people's, on the same segments: ${foreign.length}`, 'bold');
    for (const router of foreign.slice(0, FOREIGN_MAX)) {
      yield `  ${router.subject}  ${vipsText(router.vips)}  ${router.state} by ${router.master.address}`;
    }
    if (foreign.length > FOREIGN_MAX)
      yield `  and ${foreign.length - FOREIGN_MAX} more (--format json has all)`;
  }

  yield '';
  for (const segment of status.segments) yield* segmentLines(segment);
  for (const capture of status.captures) yield captureLine(capture, now, paint);
  yield healthLine(status, paint);
}

const LABELS = {
  info: ['INFO', 'dim'],
  warning: ['WARN', 'yellow'],
  critical: ['CRIT', 'red', 'bold'],
} as const satisfies Record<string, readonly [string, ...Colour[]]>;

function verdictLine(status: StatusDocument, paint: Paint): string {
  const ours = status.virtualRouters.filter((router) => router.ours);
  const held = ours.filter((router) => router.state === 'held').length;
  const count = (severity: string) => status.open.filter((each) => each.severity === severity).length;
  const [critical, warnings] = [count('critical'), count('warning')];
  switch (status.verdict) {
    case 'healthy':
      return ours.length === 0
        ? paint('Nothing is wrong, and nothing was heard: is this the right interface?', 'yellow')
        : paint(`All is well: ${plural(held, 'virtual router')} held, no problem open.`, 'green', 'bold');
    case 'warning': {
      const blind = new Set([
        ...status.captures.filter((capture) => !capture.seeing).map((capture) => capture.name),
        ...status.virtualRouters.filter((router) => router.blind).map((router) => router.segment),
      ]);
      const what = [
        ...(warnings === 0 ? [] : [`${plural(warnings, 'warning')} open`]),
        ...(blind.size === 0 ? [] : [`nothing is seen on ${[...blind].join(', ')}`]),
      ];
      return paint(
        `Served, but look at this: ${what.join(', ')} (${held} of ${plural(ours.length, 'virtual router')} held).`,
        'yellow',
        'bold',
      );
    }
    case 'critical': {
      const rest = warnings === 0 ? '' : `, ${plural(warnings, 'warning')}`;
      return paint(`NOT WELL: ${plural(critical, 'critical problem')} open${rest}.`, 'red', 'bold');
    }
    case 'blind':
      return paint('CANNOT TELL: no capture sees anything; what follows is the past.', 'red', 'bold');
  }
}

function* routerLines(router: RouterStatus, now: Instant, clock: Clock, paint: Paint): Generator<string> {
  const { master, lastDay } = router;
  const cluster = router.cluster === null ? '' : `  (${router.cluster})`;
  yield `${paint(router.subject, 'bold')}  ${vipsText(router.vips)}${cluster}`;

  if (router.blind) yield row('not seen', paint('its capture is blind: what follows was so', 'yellow'));
  const who = named(master.address, master.node);
  const how = `priority ${master.priority}, VRRPv${master.version}`;
  if (router.state === 'lost') {
    yield row('held by', paint(`NOBODY for ${span(router.since, now)}; the last was ${who}`, 'red', 'bold'));
  } else {
    const split = router.state === 'split' ? paint('SPLIT: two hold it, one is ', 'red', 'bold') : '';
    yield row('held by', `${split}${paint(who, 'bold')}, ${how}`);
    yield row('since', `${moment(router.since, now, clock)} (${span(router.since, now)})`);
  }
  for (const other of router.others.slice(0, 3)) {
    yield row(
      'also heard',
      `${named(other.address, other.node)}, priority ${other.priority}, ${span(other.lastAdvertAt, now)} ago`,
    );
  }
  if (router.others.length > 3) yield row('', `and ${router.others.length - 3} more`);

  const causes = Object.entries(lastDay.failoversByCause).map(([cause, count]) => `${count} ${cause}`);
  const last =
    lastDay.lastFailoverAt === null ? '' : `; the last ${moment(lastDay.lastFailoverAt, now, clock)}`;
  yield row(
    'failovers',
    lastDay.failovers === 0 ? 'none in 24 h' : `${lastDay.failovers} in 24 h (${causes.join(', ')})${last}`,
  );
  yield row('share', shares(router));
  if (router.state !== 'lost') yield row('adverts', advertHealth(router, paint));
}

function advertHealth({ master }: RouterStatus, paint: Paint): string {
  const late = master.jitterMs > master.intervalMs / 4;
  const jitter = `jitter ${duration(master.jitterMs)}`;
  const missed = master.missed === 0 ? 'none missed' : paint(`${master.missed} missed`, 'yellow');
  return `every ${duration(master.intervalMs)}, ${late ? paint(jitter, 'yellow') : jitter}, ${missed} in the last minute`;
}

function shares({ lastDay }: RouterStatus): string {
  const { watchedMs, holders, nobodyMs, splitMs } = lastDay;
  const parts = holders.slice(0, 4).map(({ address, node, share }) => `${node ?? address} ${percent(share)}`);
  if (holders.length > 4) parts.push(`${holders.length - 4} more`);
  if (nobodyMs > 0 && watchedMs > 0) parts.push(`nobody ${percent(nobodyMs / watchedMs)}`);
  if (splitMs > 0) parts.push(`two at once for ${duration(splitMs)}`);
  return parts.length === 0
    ? 'not known yet'
    : `${parts.join(', ')} of the last ${watchedMs >= DAY_MS ? '24 h' : duration(watchedMs)}`;
}

const DAY_MS = 86_400_000;

/** A share that is there never shows as 0 %, one that is not all never as 100 %. */
function percent(share: number): string {
  const value = share * 100;
  if (value > 0 && value < 0.1) return '<0.1 %';
  if (value > 99.9 && value < 100) return '>99.9 %';
  return `${Number(value.toFixed(1))} %`;
}

/** What is polled or probed: one sentence, and how bad it is. */
interface Told {
  readonly text: string;
  readonly severity: 'ok' | 'warning' | 'critical';
}

function* stateLines({ text, severity }: Told, paint: Paint): Generator<string> {
  for (const line of wrapped(text, '', '  '))
    yield severity === 'ok' ? line : paint(line, severity === 'critical' ? 'red' : 'yellow');
}

function serviceText(
  { vip, probe, state, since, latencyMs, error, nodes }: ServiceStatus,
  now: Instant,
): Told {
  const head = `Service ${vip === null ? probe : `of ${vip}, ${probe}`}:`;
  const lasts = since === null ? '' : ` for ${span(since, now)}`;
  const why = error === null ? '' : `: ${error}`;
  const rest = nodesText(nodes);
  switch (state) {
    case 'up': {
      const failed = error === null ? '' : `, but the last probe failed${why}`;
      const latency = latencyMs === null ? '' : `, in ${duration(latencyMs)}`;
      const isWarned = error !== null || nodes.some(({ up }) => up === false);
      return {
        text: `${head} answers${lasts}${latency}${failed}${rest}`,
        severity: isWarned ? 'warning' : 'ok',
      };
    }
    case 'dark':
      return { text: `${head} DARK${lasts}${why}${rest}`, severity: 'critical' };
    case 'unknown':
      return { text: `${head} not known at present${why}${rest}`, severity: 'warning' };
  }
}

/** `; a serves, b does not (connection refused)` */
function nodesText(nodes: ServiceStatus['nodes']): string {
  const parts = nodes.map(({ node, up, error }) => {
    if (up === null) return `${node} not known`;
    return up ? `${node} serves` : `${node} does NOT${error === null ? '' : ` (${error})`}`;
  });
  return parts.length === 0 ? '' : `; asked directly: ${parts.join(', ')}`;
}

function proxyText(proxy: ProxyStatus, now: Instant): Told {
  const { node, target, state, since, error } = proxy;
  const head = `HAProxy on ${node}, ${target}:`;
  const why = error === null ? '' : `: ${error}`;
  switch (state) {
    case 'answers':
      return answeringText(head, proxy);
    case 'unreachable':
      return {
        text: `${head} DOES NOT ANSWER${since === null ? '' : ` for ${span(since, now)}`}${why}`,
        severity: 'critical',
      };
    case 'idle':
      return { text: `${head} need not answer, as its node does not hold the VIP`, severity: 'ok' };
    case 'unknown':
      return { text: `${head} not known yet${why}`, severity: 'warning' };
  }
}

/** Backends and servers in numbers; by name those that are not as they should be. */
function answeringText(head: string, { release, backends, error }: ProxyStatus): Told {
  const named = (which: 'down' | 'out') =>
    backends.flatMap((backend) => backend[which].map((server) => `${backend.name}/${server}`));
  const [down, out] = [named('down'), named('out')];
  const dead = backends.filter((backend) => backend.state === 'down').map(({ name }) => name);
  const unchecked = backends.filter(({ uncheckedOnly }) => uncheckedOnly).map(({ name }) => name);
  const servers = backends.reduce((sum, backend) => sum + backend.servers, 0);
  const up = backends.reduce((sum, backend) => sum + backend.up, 0);
  const parts = [
    ...(dead.length === 0 ? [] : [`BACKEND DOWN: ${someOf(dead)}`]),
    `${release === null ? '' : `${release}, `}${plural(backends.length, 'backend')}, ${up} of ${plural(servers, 'server')} up`,
    ...(down.length === 0 ? [] : [`down: ${someOf(down)}`]),
    ...(out.length === 0 ? [] : [`taken out: ${someOf(out)}`]),
    ...(unchecked.length === 0 ? [] : [`up only by servers that nothing checks: ${someOf(unchecked)}`]),
    ...(error === null ? [] : [`the last poll failed: ${error}`]),
  ];
  const isWarned = down.length > 0 || unchecked.length > 0 || error !== null;
  return {
    text: `${head} ${parts.join('; ')}`,
    severity: dead.length > 0 ? 'critical' : isWarned ? 'warning' : 'ok',
  };
}

function databaseText(database: DatabaseStatus, now: Instant): Told {
  const { node, target, reachable, since, error } = database;
  const head = `Database on ${node}, ${target}:`;
  const why = error === null ? '' : `: ${error}`;
  if (reachable === null) return { text: `${head} not known yet${why}`, severity: 'warning' };
  if (reachable) return answeringDatabase(head, database);
  return {
    text: `${head} DOES NOT ANSWER${since === null ? '' : ` for ${span(since, now)}`}${why}`,
    severity: 'critical',
  };
}

/** What kind of server, then each thing that it does for others, then what is not as it should be. */
function answeringDatabase(head: string, database: DatabaseStatus): Told {
  const { version, readOnly, channels, galera, ndb, denied, error } = database;
  const isNdbShort = ndb !== null && ndb.ready !== null && ndb.total !== null && ndb.ready < ndb.total;
  const parts = [
    `${version ?? 'answers'}${readOnly === true ? ', read-only' : ''}`,
    ...channels.slice(0, CHANNELS_MAX).map(channelText),
    ...(channels.length > CHANNELS_MAX ? [`${channels.length - CHANNELS_MAX} more channels`] : []),
    ...(galera === null ? [] : [galeraText(galera)]),
    ...(ndb === null ? [] : [`NDB: ${ndb.ready ?? '?'} of ${ndb.total ?? '?'} data nodes ready`]),
    ...denied,
    ...(error === null ? [] : [`the last poll failed: ${error}`]),
  ];
  const isBroken = channels.some(({ io, sql }) => io === 'no' || sql === 'no') || galera?.primary === false;
  const isWarned =
    channels.some(({ io, sql }) => io !== 'yes' || sql !== 'yes') ||
    isNdbShort ||
    denied.length > 0 ||
    error !== null;
  return {
    text: `${head} ${parts.join('; ')}`,
    severity: isBroken ? 'critical' : isWarned ? 'warning' : 'ok',
  };
}

const CHANNELS_MAX = 4;

/** `replicates from hosta, 0.4 s behind (heartbeat)` */
function channelText({
  name,
  source,
  io,
  sql,
  lagS,
  lagSource,
  error,
}: DatabaseStatus['channels'][number]): string {
  const channel = name === 'default' ? '' : ` (channel ${name})`;
  const lag =
    lagS === null
      ? 'how far behind is not known'
      : `${duration(lagS * 1_000)} behind (${lagSource ?? 'server'})`;
  if (io === 'yes' && sql === 'yes') return `replicates from ${source}${channel}, ${lag}`;
  const why = error === null ? '' : `: ${error}`;
  const stopped = io === 'no' || sql === 'no';
  const threads = `receiver ${THREADS[io]}, applier ${THREADS[sql]}`;
  return `${stopped ? 'DOES NOT REPLICATE from' : 'is not connected to'} ${source}${channel} (${threads})${why}`;
}

const THREADS = { yes: 'runs', no: 'stopped', connecting: 'connects' } as const;

function galeraText({ primary, state, size, flowPaused }: NonNullable<DatabaseStatus['galera']>): string {
  const paused =
    flowPaused === null || flowPaused < 0.01 ? '' : `, writes held up ${percent(flowPaused)} of the time`;
  return `Galera: ${primary ? '' : 'NOT PRIMARY, '}${state}${size === null ? '' : `, ${plural(size, 'member')}`}${paused}`;
}

const NAMES_MAX = 6;

function someOf(names: readonly string[]): string {
  const more = names.length > NAMES_MAX ? ` and ${names.length - NAMES_MAX} more` : '';
  return `${names.slice(0, NAMES_MAX).join(', ')}${more}`;
}

function* segmentLines({ name, vridsUsed, vridsFree }: SegmentStatus): Generator<string> {
  yield* wrapped(
    `VRIDs on ${name}: used ${ranges(vridsUsed)}; free ${vridsFree.length === 0 ? 'none' : ranges(vridsFree)}`,
    '',
    '  ',
  );
}

/** `1-50, 53-255` */
export function ranges(numbers: readonly number[]): string {
  const parts: [number, number][] = [];
  for (const n of numbers) {
    const last = parts.at(-1);
    if (last !== undefined && last[1] === n - 1) last[1] = n;
    else parts.push([n, n]);
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
}

function captureLine(capture: CaptureStatus, now: Instant, paint: Paint): string {
  const lost =
    capture.dropped === 0 ? 'none lost' : paint(`${plural(capture.dropped, 'frame')} lost`, 'yellow');
  return capture.seeing
    ? `Capture on ${capture.name}: sees for ${span(capture.since, now)}, ${plural(capture.received, 'frame')}, ${lost}`
    : paint(`Capture on ${capture.name}: BLIND for ${span(capture.since, now)} (${capture.reason})`, 'red');
}

function healthLine({ health }: StatusDocument, paint: Paint): string {
  const delay = health.delayMs === null ? 'nothing heard yet' : `${duration(health.delayMs)} behind the wire`;
  const waiting = health.waiting === 0 ? 'none waiting' : paint(`${health.waiting} waiting`, 'yellow');
  return `Observer: ${delay}; journal: ${plural(health.lastSeq, 'event')} so far, ${waiting}`;
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(10)}  ${text}`;
}

function named(address: string, node: string | null): string {
  return node === null ? address : `${node} (${address})`;
}

function vipsText(vips: readonly string[]): string {
  const more = vips.length > 3 ? ` and ${vips.length - 3} more` : '';
  return vips.length === 0 ? 'no address' : `${vips.slice(0, 3).join(', ')}${more}`;
}

/** The day only where it is another one. */
function moment(iso: string, now: Instant, clock: Clock): string {
  const then = at(iso);
  const day = clock.day(then);
  const time = clock.time(then).slice(0, 8);
  return day === null || day === clock.day(now) ? time : `${day.slice(0, 10)} ${time}`;
}

function span(from: string, now: Instant): string {
  return duration(Math.max(0, now - at(from)) / MS);
}

function at(iso: string): Instant {
  return instantFromIso(iso) ?? instantFromUs(0);
}

const COLUMNS = 80;

/** Broken between words. */
export function* wrapped(text: string, indent: string, hanging = indent): Generator<string> {
  let line = indent;
  let empty = true;
  for (const word of text.split(' ')) {
    if (!empty && line.length + 1 + word.length > COLUMNS) {
      yield line;
      line = hanging;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  if (!empty) yield line;
}
