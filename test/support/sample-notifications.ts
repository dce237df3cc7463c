/** Notifications of real incidents: recordings of real daemons through the observer, told at a moment of choice. */

import type { DeliveryContext } from '../../src/alerts/deliver/settings.ts';
import type { Notification, NotifiedAlert } from '../../src/alerts/notification.ts';
import { readRecordings } from '../../src/capture/recordings.ts';
import { readConfiguration } from '../../src/config/read.ts';
import type { Severity, TimelineEvent } from '../../src/events.ts';
import { Observer } from '../../src/observer/observer.ts';
import { type Instant, instantFromUs, plusUs, SECOND } from '../../src/time.ts';
import { type Incident, IncidentFold } from '../../src/timeline/incidents.ts';
import type { JournalledEvent } from '../../src/timeline/journalled-event.ts';
import { reportOf } from '../../src/timeline/report.ts';
import { recordingPath } from './recordings.ts';

export const CONTEXT: DeliveryContext = {
  host: 'observer.example.com',
  dashboardUrl: 'https://grafana.example.com/d/vipwatch',
  release: '0.1.0',
  timeZone: 'Europe/Berlin',
};

const DEMO = new URL('../../demo/', import.meta.url).pathname;

export interface ReplayedIncident {
  readonly incident: Incident;
  readonly events: readonly JournalledEvent[];
  readonly lastAt: Instant;
}

/** `demo`: the split-brain or the failover that ships; else the name of a recording under test/recordings. */
export async function replayedIncident(name: string, which = 0): Promise<ReplayedIncident> {
  const demo = name === 'split-brain' || name === 'failover';
  const observer = new Observer(
    demo
      ? {
          configuration: readConfiguration(`${DEMO}${name}.yaml`, {}).observer,
          samples: false,
        }
      : { samples: false },
  );
  const events: TimelineEvent[] = [];
  const result = await readRecordings([demo ? `${DEMO}${name}.pcap` : recordingPath(name)], {
    onAdvert: (at, segment, advert, ipId) => observer.heardAgain(at, segment, advert, ipId),
    onObservation: (observation) => {
      events.push(...observer.observe(observation));
    },
  });
  const lastAt = result.lastAt ?? instantFromUs(0);
  events.push(...observer.observe({ kind: 'clock', at: lastAt }));

  const fold = new IncidentFold();
  const incidents = new Map<number, { incident: Incident; seqs: number[] }>();
  for (const [index, event] of events.entries()) {
    const change = fold.take(event, index + 1);
    if (change === null) continue;
    const known = incidents.get(change.incident.id)?.seqs ?? [];
    incidents.set(change.incident.id, { incident: change.incident, seqs: [...known, ...change.seqs] });
  }
  const found = [...incidents.values()][which];
  if (found === undefined) throw new Error(`${name} has no incident ${which}`);
  const mine = found.seqs
    .sort((a, b) => a - b)
    .map((seq) => {
      const event = events[seq - 1];
      if (event === undefined) throw new Error('an incident of no event');
      return { seq, event, incident: found.incident.id };
    });
  return { incident: found.incident, events: mine, lastAt };
}

/** What a receiver is told of it at `until` (the end of the recording unless said). */
export function told(
  { incident, events, lastAt }: ReplayedIncident,
  traits: Partial<Notification> = {},
  until: Instant = lastAt,
): Notification {
  const known = events.filter(({ event }) => event.detectedAt <= until);
  const resolved = traits.status === 'resolved';
  const reported = {
    id: incident.id,
    cluster: incident.cluster,
    began: incident.began,
    severity: worst(known.map(({ event }) => event.severity)),
    ended: resolved ? incident.last : null,
  };
  const { gist: headline } = reportOf(reported, known, until);
  const revision = traits.revision ?? 0;
  return {
    id: `n-mail-${incident.id}-${revision}`,
    receiver: 'mail',
    thread: `inc-${incident.id}-mail`,
    revision,
    status: 'firing',
    severity: reported.severity,
    cluster: incident.cluster,
    incident: incident.id,
    headline,
    at: until,
    alerts: alertsOf(known),
    story: { incident: reported, events: known, until },
    heldBack: 0,
    ...traits,
  };
}

/** The moment at which the first event of that kind and phase was known, and a little. */
export function knownAt({ events }: ReplayedIncident, kind: string, phase = 'begin'): Instant {
  const found = events.find(({ event }) => event.kind === kind && event.phase === phase);
  if (found === undefined) throw new Error(`no ${phase} of ${kind}`);
  return plusUs(found.event.detectedAt, 0.1 * SECOND);
}

function alertsOf(known: readonly JournalledEvent[]): readonly NotifiedAlert[] {
  const ends = new Map(known.map(({ event }) => [event.beginId, event]));
  return known
    .filter(({ event }) => event.severity !== 'info' && event.phase !== 'end')
    .map(({ event }) => {
      const end = ends.get(event.id);
      return {
        rule: event.kind,
        kind: event.kind,
        subject: event.subject,
        severity: event.severity,
        status: end === undefined && event.phase === 'begin' ? ('firing' as const) : ('resolved' as const),
        startsAt: event.time,
        endsAt: end?.time ?? (event.phase === 'begin' ? null : event.time),
        summary: event.summary,
        advice: null,
        runbook: `https://wiki.example.com/vip/${event.kind}`,
        count: 1,
        fingerprint: `${event.kind}-${event.subject}`.replace(/[^a-z0-9]+/gi, '-'),
      };
    })
    .sort((a, b) => a.status.localeCompare(b.status));
}

function worst(severities: readonly Severity[]): Severity {
  if (severities.includes('critical')) return 'critical';
  return severities.includes('warning') ? 'warning' : 'info';
}

/** What `alerts test` and the daemon's own remarks are like: no incident. */
export function plainNotification(traits: Partial<Notification> = {}): Notification {
  return {
    id: 'n-test-1',
    receiver: 'mail',
    thread: 'test-1',
    revision: 0,
    status: 'test',
    severity: 'info',
    cluster: null,
    incident: null,
    headline: 'A test of this receiver.',
    at: instantFromUs(1_795_168_800 * SECOND),
    alerts: [],
    story: null,
    heldBack: 0,
    ...traits,
  };
}
