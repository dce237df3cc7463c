/**
 * `vipwatch alerts simulate`: which notifications the rules would have sent for what is in the journal or in a recording,
 * when, and why not the others. Nothing is sent.
 */
import type { Decision } from '../alerts/dispatch.ts';
import type { Notification } from '../alerts/notification.ts';
import { Simulation } from '../alerts/simulation.ts';
import type { Configuration } from '../config/read.ts';
import type { TimelineEvent } from '../events.ts';
import { Observer } from '../observer/observer.ts';
import { type Instant, instantFromUs, isoTime, MS } from '../time.ts';
import { alertSettingsOf } from './alert-settings.ts';
import { configurationOf } from './configuration.ts';
import { type Output, UsageError } from './output.ts';
import { journalOrUsage, type PlaceOptions, placesWith } from './places.ts';
import { read } from './recording.ts';
import { type Clock, LOCAL, type Paint, painter, plural, UTC, wantsColour } from './terminal.ts';
import { TIME_FORMS, timeFrom } from './time-argument.ts';

export interface SimulateOptions extends PlaceOptions {
  readonly since: string;
  readonly pcap?: readonly string[];
  readonly segment?: string;
  readonly rules?: readonly string[];
  readonly format: 'text' | 'jsonl';
  readonly utc?: boolean;
}

export async function alertsSimulate(options: SimulateOptions, output: Output): Promise<void> {
  const configuration = await configurationOf(options.config, output);
  const settings = alertSettingsOf(configuration, options.rules);
  const clock = options.utc === true ? UTC : LOCAL;
  const paint = painter(wantsColour(output.stdoutIsTerminal, process.env));
  const counts = new Map<string, number>();
  const reasons = new Map<string, number>();
  const simulation = new Simulation(
    {
      ...settings,
      start: null,
      onDecision: ({ kind, why }: Decision) => {
        const reason = `${kind}: ${why}`;
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      },
    },
    (notification) => {
      counts.set(notification.receiver, (counts.get(notification.receiver) ?? 0) + 1);
      if (options.format === 'jsonl') output.line(jsonOf(notification));
      else for (const line of notificationLines(notification, clock, paint)) output.line(line);
    },
  );
  const until = await feed(simulation, options, configuration, output);
  simulation.advance(until);
  if (options.format === 'text') {
    for (const [receiver, count] of counts) output.line(`${plural(count, 'notification')} to ${receiver}`);
    if (counts.size === 0) output.line('Nobody would have been told of anything.');
    if (reasons.size > 0) output.line('\nNot told:');
    for (const [reason, count] of [...reasons].sort(([, a], [, b]) => b - a))
      output.line(`  ${String(count).padStart(6)}  ${reason}`);
  }
  output.flush();
}

/** Answers where time stands at its end. */
async function feed(
  simulation: Simulation,
  options: SimulateOptions,
  configuration: Configuration | null,
  output: Output,
): Promise<Instant> {
  if (options.pcap !== undefined) {
    const { events, until } = await eventsOf(options.pcap, options.segment, configuration, output);
    for (const event of events) simulation.take(event);
    // What it waits for after the last frame is part of what would have been sent.
    return instantFromUs(until + AFTERWARDS_US);
  }
  const now = instantFromUs(Date.now() * MS);
  const since = timeFrom(options.since, now, options.utc === true);
  if (since === null) throw new UsageError(`--since ${options.since}: expected ${TIME_FORMS}`);
  const journal = journalOrUsage(placesWith(configuration, options));
  try {
    for (const { event } of journal.events({ since })) simulation.take(event);
    return journal.aliveAt() ?? now;
  } finally {
    journal.close();
  }
}

const AFTERWARDS_US = 60_000 * MS;

async function eventsOf(
  files: readonly string[],
  segment: string | undefined,
  configuration: Configuration | null,
  output: Output,
): Promise<{ readonly events: readonly TimelineEvent[]; readonly until: Instant }> {
  const observer = new Observer(configuration === null ? {} : { configuration: configuration.observer });
  const events: TimelineEvent[] = [];
  const { lastAt } = await read(
    files,
    {
      ...(segment === undefined ? {} : { segment }),
      onAdvert: (at, where, advert, ipId) => observer.heardAgain(at, where, advert, ipId),
      onObservation: (observation) => events.push(...observer.observe(observation)),
    },
    output,
  );
  if (lastAt !== null) events.push(...observer.observe({ kind: 'clock', at: lastAt }));
  return { events, until: lastAt ?? instantFromUs(0) };
}

function* notificationLines(notification: Notification, clock: Clock, paint: Paint): Generator<string> {
  const { at, receiver, status, severity, headline, alerts, incident, revision, heldBack } = notification;
  const colour =
    severity === 'critical' && status !== 'resolved' ? 'red' : status === 'resolved' ? 'green' : 'yellow';
  const when = `${clock.day(at)?.slice(0, 10) ?? ''} ${clock.time(at).slice(0, 8)}`;
  const thread = incident === null ? '' : `  incident ${incident}, no. ${revision + 1}`;
  yield `${when}  ${paint(status, colour, 'bold')}  ${severity}  to ${receiver}${thread}${heldBack > 0 ? `  (${heldBack} held back)` : ''}`;
  yield `    ${headline}`;
  for (const { rule, kind, subject, status: state, count } of alerts)
    yield paint(
      `    ${state.padEnd(8)} ${kind} ${subject}${count > 1 ? ` × ${count}` : ''}: rule ${rule}`,
      'dim',
    );
  yield '';
}

function jsonOf(notification: Notification): string {
  const { story: _story, at, alerts, ...rest } = notification;
  return JSON.stringify({
    ...rest,
    at: isoTime(at),
    alerts: alerts.map((alert) => ({
      ...alert,
      startsAt: isoTime(alert.startsAt),
      endsAt: alert.endsAt === null ? null : isoTime(alert.endsAt),
    })),
  });
}
