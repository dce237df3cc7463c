/**
 * Scenarios of the dispatch: events in, notifications out, with times.
 *
 *     # what it shows
 *     config foreign | receivers email pager | maintenance … (before the first event)
 *     rule {name: …, kind: …}               an own rule, before the defaults; a line of YAML
 *     TIME begin ID KIND [SUBJECT] [key=value …]
 *     TIME end ID
 *     TIME KIND [SUBJECT] [key=value …]     an instant
 *     TIME silence ID FOR [kind=… subject=… cluster=…]
 *     TIME expire ID
 *     TIME restart                           another dispatch goes on with what was kept
 *     TIME                                   time goes on until then
 *     ----
 *     what was told
 *
 * A TIME is seconds, `5m`, `4h` or `1d2h`. Subjects are short: `51` is vr:eth0/ipv4/51, `10.0.0.100` is
 * vip:eth0/10.0.0.100, anything else stands as it is. `late=N`: known N seconds after it happened.
 */
import { parse } from 'yaml';
import { type Draft, notificationOf } from '../../src/alerts/compose.ts';
import type { MaintenanceWindow } from '../../src/alerts/configuration.ts';
import { Dispatch, type DispatchSettings } from '../../src/alerts/dispatch.ts';
import { isInstantKind } from '../../src/alerts/rules.ts';
import { bookOf, DEFAULT_RULES, parseRulesFile, readRulesFile } from '../../src/config/alert-rules.ts';
import { type EventKind, KINDS, type Severity } from '../../src/events.ts';
import { type Instant, plusUs, SECOND } from '../../src/time.ts';
import { IncidentFold } from '../../src/timeline/incidents.ts';
import type { JournalledEvent } from '../../src/timeline/journalled-event.ts';
import { at, type EventTraits, event } from '../support/journal-events.ts';
import { toldLines } from './told.ts';

/** What the report needs to know of these kinds. */
const USUAL: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  failover: { from: 'a', to: 'b', silenceMs: 3_600, darkMs: null, claimMs: null, fault: false },
  'vip-dark': { error: 'refused' },
  'vip-on-dead-service': { holder: 'a', service: 'tcp://a:80', error: 'refused' },
  'database-unreachable': { target: 'mysql://a:3306', error: 'refused' },
  'replication-broken': { error: 'refused' },
  'dual-writes': { gtids: {} },
};

const RULER = '----\n';

/** The scenario with what came of it. */
export function playScenario(text: string): string {
  const [head = ''] = text.split(RULER);
  const player = new Player();
  for (const line of head.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    player.take(line.trim());
  }
  return `${head}${RULER}${player.finish()}`;
}

class Player {
  readonly #lines: string[] = [];
  readonly #rules: string[] = [];
  readonly #events = new Map<
    string,
    { kind: string; subject: string; severity: Severity; cluster: string | null }
  >();
  readonly #began = new Map<string, Instant>();
  readonly #incidents = new IncidentFold();
  readonly #entries: JournalledEvent[] = [];
  readonly #incidentOf = new Map<number, number>();
  readonly #kept = new Map<string, string>();
  readonly #maintenance: MaintenanceWindow[] = [];
  #receivers: readonly string[] = ['email'];
  #mutesForeign = false;
  #dispatch: Dispatch | null = null;
  #now = at(0);
  #start: DispatchSettings['start'] = null;

  take(line: string): void {
    const [first = '', ...words] = line.split(/\s+/);
    if (first === 'rule') {
      this.#rules.push(`  - ${line.slice(5)}`);
      return;
    }
    if (first === 'config') {
      this.#configure(words, line);
      return;
    }
    this.#advance(plusUs(at(0), secondsOf(first) * SECOND));
    this.#act(words);
    this.#tell(this.#dispatchNow().advance(this.#now));
  }

  finish(): string {
    return this.#lines.length === 0 ? 'nothing\n' : this.#lines.map((line) => `${line}\n`).join('');
  }

  #configure([what = '', ...rest]: readonly string[], line: string): void {
    if (what === 'receivers') this.#receivers = rest;
    else if (what === 'clusters') this.#mutesForeign = true;
    else if (what === 'start')
      this.#start = { at: plusUs(at(0), secondsOf(rest[0] ?? '0') * SECOND), seq: 0 };
    else if (what === 'maintenance') {
      const { name, days = [], at: minute, hours, zone, ...matchers } = parse(line.slice(line.indexOf('{')));
      const when = { days, startMinute: minute, lengthMs: hours * 3_600_000, zone };
      this.#maintenance.push({ name, matchers, when });
    } else throw new Error(`config ${what}: unknown`);
  }

  #act(words: readonly string[]): void {
    const [what = '', ...rest] = words;
    switch (what) {
      case '':
        return;
      case 'restart':
        this.#keep();
        this.#dispatch = null;
        this.#start = { at: this.#now, seq: this.#entries.length };
        return;
      case 'silence': {
        const [id = '', length = '', ...traits] = rest;
        const { kind, ...matchers } = Object.fromEntries(traits.map((trait) => trait.split('=')));
        this.#dispatchNow().silence({
          id,
          matchers: { ...(kind === undefined ? {} : { kinds: [kind] }), ...matchers },
          from: this.#now,
          until: plusUs(this.#now, secondsOf(length) * SECOND),
          reason: 'planned',
          author: 'ann',
        });
        return;
      }
      case 'expire':
        this.#dispatchNow().expireSilence(rest[0] ?? '', this.#now);
        return;
      case 'begin': {
        const [id = '', kind = '', ...traits] = rest;
        this.#happens(kind, 'begin', id, traits);
        return;
      }
      case 'end': {
        const [id = '', ...traits] = rest;
        const begun = this.#events.get(id);
        if (begun === undefined) throw new Error(`${id} has not begun`);
        this.#add(
          { ...begun, phase: 'end', id: `${id}-end`, beginId: id, summary: `${begun.kind} is over` },
          traits,
        );
        return;
      }
      default:
        this.#happens(what, 'instant', null, rest);
    }
  }

  #happens(kind: string, phase: 'begin' | 'instant', id: string | null, rest: readonly string[]): void {
    if (isInstantKind(kind) !== (phase === 'instant')) throw new Error(`${kind} is no ${phase}`);
    const hasSubject = rest[0] !== undefined && !rest[0].includes('=');
    const subject = subjectOf(hasSubject ? (rest[0] ?? '') : '51');
    const usual = Object.hasOwn(KINDS, kind) ? KINDS[kind as EventKind].severity : 'critical';
    const traits = { kind, subject, severity: usual, cluster: null, phase, summary: `${kind} of ${subject}` };
    this.#add({ ...traits, id: id ?? `e${this.#entries.length}` }, rest.slice(hasSubject ? 1 : 0));
  }

  #add(given: EventTraits & { id: string; kind: string }, words: readonly string[]): void {
    const traits: Record<string, unknown> = { ...given };
    const details: Record<string, unknown> = { ...USUAL[given.kind] };
    if (given.subject?.startsWith('vr:')) details.vips = given.subject.endsWith('/51') ? ['10.0.0.100'] : [];
    if (given.beginId != null)
      details.durationMs = (this.#now - (this.#began.get(given.beginId) ?? 0)) / 1_000;
    let late = 0;
    for (const word of words) {
      const [key = '', value = ''] = word.split('=');
      if (key === 'late') late = secondsOf(value);
      else if (key === 'severity' || key === 'cluster') traits[key] = value;
      else details[key] = /^\d+$/.test(value) ? Number(value) : value;
    }
    const seconds = (this.#now - at(0)) / SECOND - late;
    const made = event(seconds, { ...traits, details, late });
    const { kind, subject, severity, cluster } = made;
    if (made.phase === 'begin') this.#began.set(made.id, made.time);
    if (made.phase === 'begin') this.#events.set(made.id, { kind, subject, severity, cluster });
    const seq = this.#entries.length + 1;
    const change = this.#incidents.take(made, seq);
    for (const member of change?.seqs ?? []) this.#incidentOf.set(member, change?.incident.id ?? 0);
    const entry = { seq, event: made, incident: change?.incident.id ?? null };
    this.#entries.push(entry);
    this.#dispatchNow().take(entry, this.#now);
  }

  #advance(until: Instant): void {
    if (until < this.#now) throw new Error('time goes backwards');
    const dispatch = this.#dispatchNow();
    for (let due = dispatch.dueAt(); due !== null && due <= until; due = dispatch.dueAt())
      this.#tell(dispatch.advance(due));
    this.#now = until;
  }

  #tell(drafts: readonly Draft[]): void {
    for (const draft of drafts) {
      const events = this.#entries.filter(
        ({ seq }) => draft.incident !== null && this.#incidentOf.get(seq) === draft.incident,
      );
      const story =
        draft.incident === null
          ? null
          : {
              incident: {
                id: draft.incident,
                cluster: draft.cluster,
                began: events[0]?.event.time ?? draft.at,
                severity: draft.severity,
                ended: null,
              },
              events,
              until: draft.at,
            };
      this.#lines.push(...toldLines(notificationOf(draft, story), clock));
    }
    this.#keep();
  }

  #keep(): void {
    for (const { name, value } of this.#dispatch?.changes() ?? []) {
      if (value === null) this.#kept.delete(name);
      else this.#kept.set(name, value);
    }
  }

  #dispatchNow(): Dispatch {
    if (this.#dispatch === null) {
      const own = parseRulesFile(
        this.#rules.length === 0 ? '' : `rules:\n${this.#rules.join('\n')}\n`,
        'own',
        this.#receivers,
      );
      this.#dispatch = new Dispatch(
        {
          book: bookOf([own, readRulesFile(DEFAULT_RULES, this.#receivers)]),
          receivers: this.#receivers,
          mutesForeign: this.#mutesForeign,
          maintenance: this.#maintenance,
          start: this.#start,
          onDecision: ({ at: when, kind, receiver, why }) =>
            this.#lines.push(
              `${clock(when)}    ${kind}${receiver === null ? '' : ` for ${receiver}`}: ${why}`,
            ),
        },
        [...this.#kept].map(([name, value]) => ({ name, value })),
      );
    }
    return this.#dispatch;
  }
}

function subjectOf(short: string): string {
  if (/^\d+$/.test(short)) return `vr:eth0/ipv4/${short}`;
  return /^[\d.]+$/.test(short) ? `vip:eth0/${short}` : short;
}

const UNIT_S: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

function secondsOf(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  if (!/^(\d+[smhd])+$/.test(text)) throw new Error(`${text}: no time`);
  return [...text.matchAll(/(\d+)([smhd])/g)].reduce(
    (sum, [, count, unit = 's']) => sum + Number(count) * (UNIT_S[unit] ?? 1),
    0,
  );
}

/** `4h 0m10s`, as short as it goes. */
function clock(when: Instant): string {
  const seconds = (when - at(0)) / SECOND;
  const h = Math.floor(seconds / 3_600);
  const m = Math.floor((seconds % 3_600) / 60);
  const s = Number((seconds % 60).toFixed(3));
  return `${h > 0 ? `${h}h` : ''}${h + m > 0 ? `${m}m` : ''}${s}s`.padEnd(8);
}
