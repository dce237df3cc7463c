/**
 * `vipwatch doctor`: whether vipwatch can do its work here. One line a check, `ok`, `warn` or `FAIL`, and what to
 * do unless it is ok. What is heard it learns from the running daemon; what is polled or probed it asks once itself.
 * Changes nothing. Exit status 1 on a FAIL.
 */
import type { Configuration } from '../config/read.ts';
import type { StatusDocument } from '../timeline/status.ts';
import { configurationOf } from './configuration.ts';
import { askedChecks } from './doctor-asked.ts';
import {
  clockSynchronized,
  existingFolder,
  freeBytes,
  groupsJoined,
  interfaceNames,
  linkState,
  mayCapture,
  mayWrite,
  pcapFault,
} from './doctor-facts.ts';
import { type Output, UsageError } from './output.ts';
import { findDaemon, findJournal, type PlaceOptions, type Places, placesWith } from './places.ts';
import { type Paint, painter, plural, wantsColour } from './terminal.ts';

export interface DoctorOptions extends PlaceOptions {
  readonly interface?: readonly string[];
}

export interface Check {
  readonly state: 'ok' | 'warn' | 'FAIL';
  readonly what: string;
  /** what to do; null where it is ok */
  readonly advice: string | null;
  /** statements to be copied, one a line; none else */
  readonly statements?: readonly string[];
}

/** Answers the exit status. */
export async function doctor(options: DoctorOptions, output: Output): Promise<number> {
  const paint = painter(wantsColour(output.stdoutIsTerminal, process.env));
  let failed = false;
  for await (const check of checks(options, output)) {
    failed ||= check.state === 'FAIL';
    for (const line of checkLines(check, paint)) output.line(line);
    output.flush();
  }
  return failed ? 1 : 0;
}

export function* checkLines(
  { state, what, advice, statements = [] }: Check,
  paint: Paint,
): Generator<string> {
  const colour = state === 'ok' ? 'green' : state === 'warn' ? 'yellow' : 'red';
  yield `${paint(state.padEnd(4), colour)}  ${what}`;
  if (advice !== null) yield `      → ${advice}`;
  for (const statement of statements) yield `        ${statement}`;
}

async function* checks(options: DoctorOptions, output: Output): AsyncGenerator<Check> {
  yield nodeCheck(process.versions.node);

  let configuration: Configuration | null = null;
  let places: Places;
  try {
    configuration = await configurationOf(options.config, output);
    places = placesWith(configuration, options);
    if (configuration !== null) yield ok(`configuration ${options.config} is valid`);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    yield fail(`configuration: ${error.message.split('\n').join('\n      ')}`, 'mend these lines');
    places = placesWith(null, options);
  }

  const daemon = await findDaemon(places.sockets);
  const status = daemon.found === null ? null : await daemon.found.status();
  yield status === null
    ? warn(
        daemon.why.join('; '),
        'start vipwatch observe, and run this again: what is heard can only be checked with it',
      )
    : ok(`the daemon on ${status.host} answers (vipwatch ${status.release})`);

  const pcap = await pcapFault();
  yield pcap === null
    ? ok('the pcap package can be loaded')
    : fail(
        `the pcap package cannot be loaded: ${pcap}`,
        'install what it is built with (Debian: apt-get install libpcap-dev g++ make python3), then npm rebuild pcap',
      );
  yield captureCheck(mayCapture(), status);

  const named = options.interface ?? configuration?.capture.interfaces ?? [];
  const interfaces = named.length > 0 ? named : interfaceNames();
  if (interfaces.length === 0) yield fail('there is no Ethernet interface', 'name one with -i');
  for (const name of interfaces) {
    yield linkCheck(name);
    if (linkState(name) === 'up') yield* hearing(name, status);
  }

  const synchronized = await clockSynchronized();
  yield synchronized === true
    ? ok('the clock is synchronised')
    : warn(
        synchronized === null
          ? 'whether the clock is synchronised cannot be told: neither timedatectl nor chronyc says'
          : 'the clock is not synchronised',
        'run chrony or systemd-timesyncd: times can else not be compared with the logs of the nodes',
      );
  yield* journalChecks(places);
  if (configuration !== null) yield* await askedChecks(configuration, process.getuid?.() === 0);
}

export function nodeCheck(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 20 || (major === 20 && minor >= 19)
    ? ok(`Node.js ${version}`)
    : fail(`Node.js ${version} is too old`, 'install 20.19 or newer');
}

function captureCheck(allowed: boolean, status: StatusDocument | null): Check {
  if (status?.captures.some((capture) => capture.seeing) === true) return ok('the daemon may capture');
  return allowed
    ? ok('this user may capture')
    : fail(
        'this user may not capture: it lacks CAP_NET_RAW',
        'start vipwatch observe as root (it gives all else up), or as a service with AmbientCapabilities=CAP_NET_RAW',
      );
}

function linkCheck(name: string): Check {
  switch (linkState(name)) {
    case 'up':
      return ok(`${name} is up`);
    case 'down':
      return fail(`${name} is down`, `ip link set ${name} up, and look at the cable`);
    case 'absent':
      return fail(`there is no interface ${name}`, `there are: ${interfaceNames().join(', ') || 'none'}`);
  }
}

/** What the daemon heard on an interface, and whether the switch can know that somebody wants it. */
export function* hearing(
  name: string,
  status: StatusDocument | null,
  groups = groupsJoined(name),
): Generator<Check> {
  if (status === null) return;
  const capture = status.captures.find((each) => each.name === name);
  if (capture === undefined) {
    yield warn(
      `the daemon does not listen on ${name}`,
      `start it with -i ${name}, or name it in the configuration`,
    );
    return;
  }
  if (!capture.seeing) {
    yield fail(`the capture on ${name} sees nothing: ${capture.reason}`, 'see vipwatch status');
    return;
  }
  yield capture.received === 0
    ? fail(
        `nothing at all was heard on ${name}`,
        "is it the port on the nodes' segment? Look at the cable, the VLAN, the mirror port",
      )
    : ok(`${name} hears: ${plural(capture.received, 'frame')}`);
  if (capture.dropped > 0)
    yield warn(
      `${plural(capture.dropped, 'frame')} were lost on ${name}`,
      'the machine is too slow for what reaches it: mirror less, or give it more CPU',
    );

  const onIt = (segment: string) => segment === name || segment.startsWith(`${name}.`);
  const routers = status.virtualRouters.filter(({ segment }) => onIt(segment));
  if (routers.length > 0) {
    yield ok(`${name} hears adverts of ${plural(routers.length, 'virtual router')}: multicast is delivered`);
  } else {
    const missing = [...(groups.ipv4 ? [] : ['224.0.0.18']), ...(groups.ipv6 ? [] : ['ff02::12'])];
    yield warn(
      `no advert was heard on ${name}${missing.length === 0 ? ', though its groups are joined' : `, and ${missing.join(' and ')} not joined`}`,
      missing.length === 0
        ? 'does keepalived run on this segment, with multicast? Unicast adverts need a mirror port. Else look at IGMP/MLD snooping: without a querier a switch forgets members'
        : "set capture.join: true (the default), or mirror the nodes' ports",
    );
  }
  const vlans = status.segments
    .map((segment) => segment.name)
    .filter((segment) => segment.startsWith(`${name}.`));
  if (vlans.length > 0) yield ok(`VLAN tags are seen: ${vlans.join(', ')}`);
}

const MIB = 1024 * 1024;

function* journalChecks({ journals }: Places): Generator<Check> {
  const { found, why } = findJournal(journals);
  if (found !== null) {
    yield ok(`the journal can be read: ${plural(found.lastSeq(), 'event')} so far`);
    found.close();
  } else {
    yield warn(why.join('; '), 'vipwatch observe makes one; to read one of a service, join its group');
  }
  const path = journals.find((each) => mayWrite(existingFolder(each)));
  if (path === undefined) {
    yield warn(
      `no folder for a journal may be written to: ${journals.map(existingFolder).join(', ')}`,
      'as a service StateDirectory=vipwatch makes one; else name a place with journal.path',
    );
    return;
  }
  const folder = existingFolder(path);
  yield ok(`a journal can be kept at ${path}`);
  const free = freeBytes(folder);
  const text = `${plural(Math.floor(free / MIB), 'MiB', 'MiB')} are free for it`;
  if (free < 100 * MIB) yield fail(text, `make room on the file system of ${folder}`);
  else if (free < 1024 * MIB) yield warn(text, 'a month of a busy segment may need a GiB');
  else yield ok(text);
}

function ok(what: string): Check {
  return { state: 'ok', what, advice: null };
}

function warn(what: string, advice: string): Check {
  return { state: 'warn', what, advice };
}

function fail(what: string, advice: string): Check {
  return { state: 'FAIL', what, advice };
}
