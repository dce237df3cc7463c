/**
 * A condition as a clause of a story, in two tenses: what was (`mysql on hosta refused connections`, to which comes a
 * time), and what still is (`mysql on hosta has refused connections`, since then). Pure.
 */
import type { TimelineEvent } from '../events.ts';
import { briefly, listed, seconds } from './words.ts';

export interface ConditionWords {
  readonly past: string;
  /** of what has not ended */
  readonly perfect: string;
  /** what stands behind the time: `(connection refused)` */
  readonly remark: string;
}

export type NameOf = (address: string) => string;

/** Null where the event's own summary says it best. */
export function conditionWords(event: TimelineEvent, name: NameOf): ConditionWords | null {
  const node = nodeOfSubject(event.subject) ?? '';
  switch (event.kind) {
    case 'database-unreachable':
      return unreachable(serverOf(databaseOf(event.details.target), event.subject), event.details.reason);
    case 'proxy-unreachable':
      return unreachable(serverOf('haproxy', event.subject), event.details.reason);
    case 'backend-down':
      return simple(
        serverOf('haproxy', event.subject),
        'had no server left for',
        'has had no server left for',
        {
          object: event.details.backend,
        },
      );
    case 'server-down': {
      const { backend, server, checkStatus } = event.details;
      const object = `${backend}/${server} down`;
      const remark = checkStatus === '' ? '' : ` (${checkStatus})`;
      return simple(serverOf('haproxy', event.subject), 'found', 'has found', { object, remark });
    }
    case 'galera-not-primary':
      return simple(
        serverOf('the database', event.subject),
        'was without Galera quorum',
        'has been without Galera quorum',
      );
    case 'galera-size': {
      const { size, expected } = event.details;
      const object = `${size} of ${expected} members`;
      return simple('the Galera cluster', 'was down to', 'has been down to', { object });
    }
    case 'replication-broken': {
      const { thread, error } = event.details;
      const remark = ` (${thread === 'io' ? 'receiving' : 'applying'}: ${briefly(error)})`;
      return simple(`replication on ${node}`, 'was broken', 'has been broken', { remark });
    }
    case 'replication-lag':
      return simple(`${node}'s replica`, 'was', 'has been', { object: lagWords(event.details.lagS) });
    case 'errant-transactions':
      return simple(node, 'had', 'has had', { object: 'transactions that its source has not' });
    case 'vip-on-read-only':
      return simple(
        `the database of ${name(event.details.holder)}, which held the VIP,`,
        'was read-only',
        'has been read-only',
      );
    case 'vip-on-dead-service':
      return simple(`${name(event.details.holder)}'s own service`, 'was dead', 'has been dead', {
        remark: ` (${briefly(event.details.error)})`,
      });
    case 'vip-dark':
      return simple(`the service behind ${vipOf(event.subject)}`, 'did not answer', 'has not answered', {
        remark: ` (${briefly(event.details.error)})`,
      });
    case 'garp-missing':
      return simple(name(event.details.holder), 'did not announce', 'has not announced', {
        object: vipOf(event.subject),
      });
    case 'dual-writes': {
      const sides = listed(Object.keys(event.details.gtids));
      return simple(sides, 'both took writes', 'have both taken writes');
    }
    default:
      return null;
  }
}

/** `12 s behind`; nobody may know by how much. */
export function lagWords(lagS: number | null): string {
  if (lagS === null) return 'behind by nobody knows how much';
  return `${lagS === 0 ? '0 s' : seconds(lagS * 1_000)} behind`;
}

/** The node of a database, a proxy or a replica; null of what is not of one node. */
export function nodeOfSubject(subject: string): string | null {
  return /^(?:database|proxy|replica):([^/#]+)/.exec(subject)?.[1] ?? null;
}

/** `haproxy on hosta`; a node's second one, `proxy:hosta#2`, is `haproxy 2 on hosta`. */
function serverOf(what: string, subject: string): string {
  const number = /^[a-z]+:[^/#]+#(\d+)/.exec(subject)?.[1];
  return `${what}${number === undefined ? '' : ` ${number}`} on ${nodeOfSubject(subject)}`;
}

export function vipOf(subject: string): string {
  return /^vip:[^/]+\/(.+)$/.exec(subject)?.[1] ?? subject;
}

function simple(
  who: string,
  past: string,
  perfect: string,
  { object, remark = '' }: { readonly object?: string; readonly remark?: string } = {},
): ConditionWords {
  const rest = object === undefined ? '' : ` ${object}`;
  return { past: `${who} ${past}${rest}`, perfect: `${who} ${perfect}${rest}`, remark };
}

/** By the reason of a failed poll. */
const SILENT: Readonly<Record<string, readonly [past: string, perfect: string]>> = {
  refused: ['refused connections', 'has refused connections'],
  timeout: ['did not answer', 'has not answered'],
  unreachable: ['could not be reached', 'has been out of reach'],
  closed: ['closed connections without an answer', 'has closed connections without an answer'],
  denied: ['did not let vipwatch in', 'has not let vipwatch in'],
  answer: ['gave no usable answer', 'has given no usable answer'],
  tls: ['had a certificate that is not accepted', 'has had a certificate that is not accepted'],
};

function unreachable(who: string, reason: string): ConditionWords {
  const [past, perfect] = SILENT[reason] ?? ['did not answer', 'has not answered'];
  return simple(who, past, perfect);
}

/** By the scheme of where it is asked; a socket does not tell. */
function databaseOf(target: string): string {
  return /^(mysql|mariadb):/.exec(target)?.[1] ?? 'the database';
}
