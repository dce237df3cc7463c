/**
 * From the moment at which a split-brain can be known to its mail: event → journal → dispatch → outbox → STARTTLS →
 * `250`. One split-brain after the other, each of a cluster of its own, at a pace that does not wait for the mails.
 *
 * - The clock starts when the event is made and given to the journal, as the observer would, and stops when vipwatch
 *   has heard that the server took the mail. How long the observer needs until it can know is the live part's to measure.
 * - The server shares the process: its work counts as latency, too.
 * - The storm cap is lifted, as it would hold back the eleventh; all else is as the default rules have it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Receiver } from '../src/alerts/notification.ts';
import { Authority } from '../test/support/certificates.ts';
import type { Random } from '../test/support/random.ts';
import { SmtpServer } from '../test/support/smtp-server.ts';
import { eventNow, startTelling } from './alerts-service.ts';

export interface LatencyTask {
  readonly splitBrains: number;
  readonly perSecond: number;
  /** a folder of the caller's own */
  readonly folder: string;
  /** where the built code is */
  readonly dist: string;
  readonly random: Random;
}

export interface LatencyResult {
  /** of each that was mailed, in order of arrival */
  readonly acceptedMs: readonly number[];
  /** the part of it until the event was durable */
  readonly durableMs: readonly number[];
  /** mails that the server took */
  readonly mails: number;
  /** subjects of those that were not mailed */
  readonly lost: readonly string[];
  readonly remarks: readonly string[];
}

const NO_CAP = { storm: { notifications: Number.MAX_SAFE_INTEGER, withinMs: 1_000 } };
const PATIENCE_MS = 30_000;

export async function mailLatency(task: LatencyTask): Promise<LatencyResult> {
  const { splitBrains, perSecond, folder, dist, random } = task;
  const authority = new Authority(folder);
  const login = ['vipwatch', 'a password'] as const;
  const server = await SmtpServer.start({ certificate: authority.issue(), login });
  const startedAt = new Map<string, number>();
  const acceptedMs = new Map<string, number>();
  const durableMs: number[] = [];
  const remarks: string[] = [];
  const since = (subject: string) => performance.now() - (startedAt.get(subject) ?? Number.NaN);
  const told = (subject: string) => {
    if (!acceptedMs.has(subject)) acceptedMs.set(subject, since(subject));
  };
  const receivers = await mailReceivers(dist, server.port, authority.cert, login);
  const telling = await startTelling({
    dist,
    folder,
    receivers: receivers.map((receiver) => timed(receiver, told)),
    timing: NO_CAP,
    onRemark: (text) => remarks.push(text),
  });
  telling.journal.onCommitted((entries, isDurable) => {
    if (isDurable) for (const { event } of entries) durableMs.push(since(event.subject));
  });
  try {
    for (let i = 0; i < splitBrains; i++) {
      const event = splitBrain(i);
      startedAt.set(event.subject, performance.now());
      telling.journal.append([event], [], event.time);
      await sleep(random.between(0.5, 1.5) * (1_000 / perSecond));
    }
    const until = performance.now() + PATIENCE_MS;
    while (acceptedMs.size < splitBrains && performance.now() < until) await sleep(50);
  } finally {
    await telling.stop();
    await server.stop();
  }
  return {
    acceptedMs: [...acceptedMs.values()],
    durableMs,
    mails: server.mails.length,
    lost: [...startedAt.keys()].filter((subject) => !acceptedMs.has(subject)),
    remarks,
  };
}

/** The email receiver as `vipwatch observe` makes it of a configuration. */
async function mailReceivers(
  dist: string,
  port: number,
  ca: string,
  [user, password]: readonly [string, string],
): Promise<readonly Receiver[]> {
  const { href } = pathToFileURL(dist);
  const { receiversFor } = (await import(
    `${href}/alerts/deliver/receivers.js`
  )) as typeof import('../src/alerts/deliver/receivers.ts');
  const { EMAIL_TIMEOUTS } = (await import(
    `${href}/alerts/deliver/settings.js`
  )) as typeof import('../src/alerts/deliver/settings.ts');
  return receiversFor({
    email: {
      name: 'email',
      smtp: `smtp://127.0.0.1:${port}`,
      user,
      password,
      from: 'vipwatch@observer.example',
      to: ['oncall@example.com'],
      allowInsecure: false,
      ca,
      timeouts: EMAIL_TIMEOUTS,
    },
    webhooks: [],
    context: { host: 'observer.example', dashboardUrl: null, release: 'bench', timeZone: null },
  });
}

/** Says what it has delivered, by the subjects of the alerts. */
function timed({ name, deliver }: Receiver, told: (subject: string) => void): Receiver {
  return {
    name,
    async deliver(notification, ...rest) {
      const delivered = await deliver(notification, ...rest);
      if (delivered.outcome === 'done') for (const { subject } of notification.alerts) told(subject);
      return delivered;
    },
  };
}

function splitBrain(i: number) {
  const vrid = 1 + (i % 255);
  const segment = `eth${Math.floor(i / 255)}`;
  const vip = `10.1.${i >> 8}.${i & 255}`;
  return eventNow({
    id: `split-${i}`,
    kind: 'split-brain',
    phase: 'begin',
    severity: 'critical',
    cluster: `cluster-${i}`,
    subject: `vr:${segment}/ipv4/${vrid}`,
    summary: `split-brain: 10.0.0.11 and 10.0.0.12 both speak for ${vip}`,
    details: {
      speakers: ['10.0.0.11', '10.0.0.12'],
      winner: '10.0.0.12',
      loser: '10.0.0.11',
      vips: [vip],
      reason: 'deaf',
      rejects: [],
    },
  });
}
