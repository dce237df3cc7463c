/**
 * What a message says, before it is mail, chat or JSON: the sentence, the facts, who holds what now, what happened,
 * what to check. Pure: the same notification gives the same words. Plain text throughout: each format escapes.
 *
 * Bounds: an incident may have thousands of events; the first and the latest are told, and how many were left out.
 */
import type { Severity, TimelineEvent } from '../../events.ts';
import { MS } from '../../time.ts';
import { headlineOf, type Report, reportOf } from '../../timeline/report.ts';
import type { Notification, NotificationStatus, NotifiedAlert } from '../notification.ts';
import { type Clock, clockIn, span } from './clock.ts';
import { darkText, type Holding, holdingsOf } from './holding.ts';
import type { DeliveryContext } from './settings.ts';

const FIRST_EVENTS = 12;
const LATEST_EVENTS = 18;
const HOLDINGS_MAX = 4;
const MOVES_MAX = 4;
const ALERTS_MAX = 20;
const CHECKS_MAX = 8;
const LINKS_MAX = 8;

export type Tone = Severity | 'good';

export interface Account {
  /** `FIRING` */
  readonly badge: string;
  readonly severity: Severity;
  readonly tone: Tone;
  readonly cluster: string | null;
  /** one sentence */
  readonly headline: string;
  /** what led to what, with times; null where it would say no more than the headline */
  readonly chain: string | null;
  readonly facts: readonly Fact[];
  readonly holdings: readonly NamedHolding[];
  readonly checks: readonly CheckItem[];
  readonly timeline: readonly TimelineRow[];
  /** where there is no incident to tell of: each alert, as it stands */
  readonly alerts: readonly TimelineRow[];
  /** what else is to be said, one sentence each */
  readonly remarks: readonly string[];
  readonly links: readonly Link[];
  /** `Fri 20 Nov 2026, times are UTC+01:00` */
  readonly calendar: string;
  readonly signature: string;
}

export interface Fact {
  readonly label: string;
  readonly text: string;
}

export interface NamedHolding extends Holding {
  readonly address: string;
  /** `hostb since 03:12:07`, `NOBODY for 4 s` */
  readonly now: string;
  /** the incident is: the last stretch goes on beyond what is told */
  readonly over: boolean;
  readonly tone: Tone;
  readonly names: ReadonlyMap<string, string>;
}

export interface CheckItem {
  readonly text: string;
  /** to paste into a shell, where there is an exact one */
  readonly command: string | null;
}

export interface TimelineRow {
  readonly time: string;
  readonly tone: Tone;
  /** `CRIT`, `END`; empty for a remark between rows */
  readonly label: string;
  readonly subject: string;
  readonly text: string;
}

export interface Link {
  readonly label: string;
  readonly url: string;
}

const BADGES: Readonly<Record<NotificationStatus, string>> = {
  firing: 'FIRING',
  update: 'UPDATE',
  repeat: 'STILL FIRING',
  resolved: 'RESOLVED',
  digest: 'DIGEST',
  notice: 'NOTICE',
  test: 'TEST',
};

export function accountOf(notification: Notification, context: DeliveryContext): Account {
  const { status, severity, cluster, story } = notification;
  const clock = clockIn(context.timeZone);
  const report = story === null ? null : reportOf(story.incident, story.events, story.until);
  return {
    badge: BADGES[status],
    severity,
    tone: status === 'resolved' || status === 'test' ? 'good' : severity,
    cluster,
    headline: notification.headline,
    chain: report === null ? null : chainOf(report, notification, clock),
    facts: report === null ? [] : factsOf(report, notification, clock),
    holdings: report === null ? [] : namedHoldings(report, notification, clock),
    checks: checksOf(report, notification.alerts),
    timeline: report === null ? [] : timelineOf(report, clock),
    alerts:
      report === null ? notification.alerts.slice(0, ALERTS_MAX).map((alert) => alertRow(alert, clock)) : [],
    remarks: remarksOf(notification),
    links: linksOf(notification, context),
    calendar: `${clock.day(report?.began ?? notification.at)}, times are ${clock.zone(report?.began ?? notification.at)}`,
    signature: `vipwatch ${context.release} on ${context.host}`,
  };
}

/** The first of an incident knows little yet, and a repetition has nothing new: there the headline is enough. */
function chainOf(report: Report, { status, at }: Notification, clock: Clock): string | null {
  if (status === 'repeat' || report.chain.length < 2) return null;
  return headlineOf(report, { date: clock.day, time: clock.time }, at).headline;
}

function factsOf(report: Report, notification: Notification, clock: Clock): readonly Fact[] {
  const { ended, darkMs, darkMeasured, splitMs, blindMs } = report;
  // What led to it is told, but it began with the first that was wrong.
  const began = report.events.find(({ event }) => event.severity !== 'info')?.event.time ?? report.began;
  const until = ended ?? notification.story?.until ?? notification.at;
  const facts: Fact[] = causesOf(report).map((text, i) => ({ label: i === 0 ? 'Cause' : '', text }));
  const dark = darkMs === null ? 'never, as far as adverts and claims tell' : darkText(darkMs, span);
  facts.push({ label: 'Dark', text: darkMeasured ? `${dark} (measured)` : dark });
  if (splitMs > 0) facts.push({ label: 'Two at once', text: span(splitMs) });
  const length = span((until - began) / MS);
  facts.push({ label: 'Began', text: `${clock.time(began)}, ${clock.day(began)}` });
  facts.push(
    notification.status === 'resolved'
      ? { label: 'Over', text: `${clock.time(until)}, ${length} later` }
      : {
          label: 'Not over',
          text:
            openText(report) ??
            `nothing is open any more, but it must stay quiet for a while (${length} so far)`,
        },
  );
  if (blindMs > 0)
    facts.push({ label: 'Not seen', text: `${span(blindMs)} of it: vipwatch itself was blind` });
  const id = `${report.incident}${report.cluster === null ? '' : ` of ${report.cluster}`}, ${report.severity}`;
  facts.push({ label: 'Incident', text: id });
  return facts;
}

function openText({ open }: Report): string | null {
  if (open.length === 0) return null;
  const [first, ...more] = [...new Set(open.map((event) => `${event.kind} of ${bare(event.subject)}`))];
  return `${first}${more.length === 0 ? '' : ` and ${more.length} more`}`;
}

/** `10.0.0.100`, not `vip:eth0/10.0.0.100`; a virtual router as `VRID 51 on eth0`. */
function bare(subject: string): string {
  const vip = /^vip:[^/]+\/(.+)$/.exec(subject);
  if (vip !== null) return vip[1] ?? subject;
  const router = /^vr:(.+)\/ipv([46])\/(\d+)/.exec(subject);
  return router === null ? subject : `VRID ${router[3]} on ${router[1]}${router[2] === '6' ? ' (IPv6)' : ''}`;
}

/** Why, of each move and each split-brain: the same cause once. */
function causesOf(report: Report): readonly string[] {
  const named = (address: string) => report.summary.names.get(address) ?? address;
  const causes: string[] = [];
  for (const { event } of report.events) {
    const cause = causeOf(event, named);
    if (cause !== null && !causes.includes(cause)) causes.push(cause);
  }
  if (causes.length <= MOVES_MAX) return causes;
  return [...causes.slice(0, MOVES_MAX), `and ${causes.length - MOVES_MAX} more`];
}

function causeOf(event: TimelineEvent, named: (address: string) => string): string | null {
  switch (event.kind) {
    case 'failover': {
      const { cause, fault, silenceMs, fromPriority, toPriority } = event.details;
      const [from, to] = [named(event.details.from), named(event.details.to)];
      switch (cause) {
        case 'silence':
          return `${from} fell silent without a word; ${to} took over${silenceMs === null ? '' : ` after ${span(silenceMs)}`}`;
        case 'graceful':
          return fault
            ? `keepalived on ${from} went to FAULT (an interface or a tracked check); ${to} took over`
            : `${from} handed over by itself (a stop or a restart of keepalived); ${to} took over`;
        case 'priority-drop':
          return `a tracked check lowered the priority of ${from}${fromPriority === null ? '' : ` to ${fromPriority}`}; ${to} took over`;
        case 'preemption':
          return `${to} outranks ${from}${toPriority === null ? '' : ` (priority ${toPriority})`} and took the address back`;
        case 'claim-only':
          return `${to} claims the address now, no longer ${from} (unicast: why cannot be heard)`;
        default:
          return cause satisfies never;
      }
    }
    case 'split-brain': {
      if (event.phase === 'end') return null;
      const { winner, loser, reason, rejects } = event.details;
      const both = `${named(winner)} and ${named(loser)}`;
      return reason === 'rejects'
        ? `${both} drop each other’s adverts: they differ in ${rejects.join(' and ') || 'their configuration'}`
        : `${named(loser)} does not hear ${named(winner)}, so both act as master`;
    }
    case 'master-lost':
      if (event.phase === 'end') return null;
      if (event.details.reason === 'never-heard') return 'no node was heard since vipwatch began to watch';
      return event.details.last === null
        ? null
        : `${named(event.details.last)} ${event.details.reason === 'resigned' ? 'resigned' : 'fell silent'} and nobody took over`;
    default:
      return null;
  }
}

function namedHoldings(report: Report, notification: Notification, clock: Clock): readonly NamedHolding[] {
  const until = notification.story?.until ?? notification.at;
  const names = report.summary.names;
  const named = (address: string) => names.get(address) ?? address;
  const events = report.events.map(({ event }) => event);
  return holdingsOf(events, report.began, report.ended ?? until, report.ended !== null)
    .slice(0, HOLDINGS_MAX)
    .map((holding) => {
      const last = holding.stretches.at(-1);
      const [one = '', other = ''] = (last?.holders ?? []).map(named);
      const since = last === undefined ? '' : `since ${clock.time(last.from)}`;
      const address = holding.vips.join(', ') || bare(holding.subject);
      const base = { ...holding, address, names, over: report.ended !== null };
      switch (last?.state) {
        case 'two':
          return { ...base, tone: 'critical', now: `BOTH ${one} and ${other} ${since}` };
        case 'nobody':
          return { ...base, tone: 'critical', now: `NOBODY ${since}` };
        default:
          return { ...base, tone: 'good', now: `${one} ${since}` };
      }
    });
}

/** What the timeline knows to advise, then what the rules say; each once. */
function checksOf(report: Report | null, alerts: readonly NotifiedAlert[]): readonly CheckItem[] {
  const checks = new Map<string, CheckItem>();
  for (const { event, open, advice } of report?.summary.problems ?? []) {
    const command = open && event.kind === 'garp-missing' ? announcement(event) : null;
    const node = event.kind === 'garp-missing' ? nodeOf(event, 'holder', report) : null;
    const text =
      command === null
        ? advice
        : `Hosts may still send to the old MAC. On ${node ?? 'the holder'}, announce the address anew:`;
    checks.set(`${text}${command ?? ''}`, { text, command });
  }
  for (const { advice } of alerts)
    if (advice !== null && ![...checks.values()].some(({ text }) => text === advice) && report === null)
      checks.set(advice, { text: advice, command: null });
  return [...checks.values()].slice(0, CHECKS_MAX);
}

/** The holder's interface is not known here, but its own `ip` knows it. Null for IPv6, which has no such tool. */
function announcement({ subject }: TimelineEvent): string | null {
  const address = /^vip:[^/]+\/(\d+\.\d+\.\d+\.\d+)$/.exec(subject)?.[1];
  if (address === undefined) return null;
  return `arping -U -c 3 -I $(ip -o addr show to ${address} | awk '{print $2}') ${address}`;
}

function nodeOf(event: TimelineEvent, key: string, report: Report | null): string | null {
  const details: Readonly<Record<string, unknown>> = event.details;
  const address = details[key];
  return typeof address === 'string' ? (report?.summary.names.get(address) ?? address) : null;
}

const LABELS = { info: 'info', warning: 'WARN', critical: 'CRIT' } as const;

function timelineOf(report: Report, clock: Clock): readonly TimelineRow[] {
  const rows = report.events.map(({ event }) => eventRow(event, clock));
  const left = rows.length - FIRST_EVENTS - LATEST_EVENTS;
  if (left <= 0) return rows;
  const gap: TimelineRow = {
    time: '',
    tone: 'info',
    label: '',
    subject: '',
    text: `… ${left} more events …`,
  };
  return [...rows.slice(0, FIRST_EVENTS), gap, ...rows.slice(-LATEST_EVENTS)];
}

function eventRow(event: TimelineEvent, clock: Clock): TimelineRow {
  const ended = event.phase === 'end';
  return {
    time: clock.exact(event.time),
    tone: ended ? 'good' : event.severity,
    label: ended ? 'END' : LABELS[event.severity],
    subject: event.subject,
    text: event.summary,
  };
}

function alertRow(alert: NotifiedAlert, clock: Clock): TimelineRow {
  // What happened at once has begun and ended, and is no less bad for it.
  const resolved = alert.status === 'resolved' && alert.endsAt !== null && alert.endsAt > alert.startsAt;
  return {
    time: clock.time(alert.startsAt),
    tone: resolved ? 'good' : alert.severity,
    label: resolved ? 'END' : LABELS[alert.severity],
    subject: alert.subject,
    text: alert.count > 1 ? `${alert.summary} (${alert.count} times)` : alert.summary,
  };
}

function remarksOf({ status, heldBack, alerts, story }: Notification): readonly string[] {
  const remarks: string[] = [];
  if (status === 'test')
    remarks.push('This is a test asked for by hand (vipwatch alerts test). Nothing is wrong.');
  if (heldBack > 0)
    remarks.push(
      heldBack === 1
        ? 'One message to this receiver was held back to spare you the storm; vipwatch timeline has it.'
        : `${heldBack} messages to this receiver were held back to spare you the storm; vipwatch timeline has them all.`,
    );
  if (story === null && alerts.length > ALERTS_MAX)
    remarks.push(`${alerts.length - ALERTS_MAX} more are not listed.`);
  return remarks;
}

function linksOf({ alerts }: Notification, { dashboardUrl }: DeliveryContext): readonly Link[] {
  const kinds = new Map<string, string>();
  for (const { runbook, kind } of alerts)
    if (runbook !== null && !kinds.has(runbook)) kinds.set(runbook, kind);
  const links = [...kinds].map(([url, kind]) => ({
    label: kinds.size === 1 ? 'Runbook' : `Runbook: ${kind}`,
    url,
  }));
  if (dashboardUrl !== null) links.push({ label: 'Dashboard', url: dashboardUrl });
  return links.filter(({ url }) => /^https?:\/\//.test(url)).slice(0, LINKS_MAX);
}
