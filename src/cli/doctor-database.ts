/** What `vipwatch doctor` says of a database server that it has asked once. Pure. */
import type { DatabaseObservation, PollFailure } from '../observation.ts';
import { grantIn } from '../poll/databases/grants.ts';
import type { DatabaseTarget } from '../poll/settings.ts';
import type { DatabaseReading, HeartbeatRow } from '../reading/database.ts';
import type { Check } from './doctor.ts';
import { duration, plural } from './terminal.ts';

/** A heartbeat is written every second; older than this, nobody writes it, or the replica is far behind. */
const HEARTBEAT_FRESH_S = 60;

/** `account`: for whom grants are, quoted; null where it is not known. */
export function databaseCheck(
  target: DatabaseTarget,
  { reading, failure }: Pick<DatabaseObservation, 'reading' | 'failure'>,
  account: string | null,
): Check {
  const who = `database on ${target.node} (${target.label})`;
  if (failure !== null || reading === null)
    return {
      state: 'FAIL',
      what: `${who} cannot be asked: ${failure?.error ?? 'no answer'}`,
      advice: failure === null ? null : failureAdvice(target, failure),
    };
  const answers = `${who} answers: ${saidBy(reading)}`;
  const { denied, oddities, heartbeats } = reading;
  if (denied.length > 0)
    return {
      state: 'warn',
      what: `${answers}; ${denied.map(refusalIn).join('; ')}`,
      ...grants(denied, account, target),
    };
  if (oddities.length > 0)
    return {
      state: 'warn',
      what: `${answers}; not understood: ${oddities.join('; ')}`,
      advice: 'compare `heartbeat` with the table that there is; else please report this with the release',
    };
  const stale = target.heartbeat === null ? null : staleHeartbeat(heartbeats ?? []);
  if (stale !== null)
    return {
      state: 'warn',
      what: `${answers}; ${stale}`,
      advice: 'does pt-heartbeat run where clients write, and do the clocks agree? docs/databases.md',
    };
  return { state: 'ok', what: answers, advice: null };
}

const FLAVOURS = { mysql: 'MySQL', percona: 'Percona Server', mariadb: 'MariaDB' } as const;

/** `MariaDB 10.11.6, replicates from hosta, Galera of 3 (Synced), read-only` */
function saidBy({ flavour, version, channels, galera, ndb, readOnly }: DatabaseReading): string {
  const parts = [
    `${FLAVOURS[flavour]} ${version.replace(/-.*$/s, '')}`,
    ...(channels === null || channels.length === 0
      ? []
      : [`replicates from ${channels.map(({ sourceHost }) => sourceHost).join(', ')}`]),
    ...(galera === null ? [] : [`Galera of ${galera.size ?? 'unknown size'} (${galera.comment})`]),
    ...(ndb === null ? [] : [`NDB with ${ndb.ready ?? '?'} of ${plural(ndb.total ?? 0, 'data node')} ready`]),
    ...(readOnly === true ? ['read-only'] : []),
  ];
  return parts.join(', ');
}

function staleHeartbeat(rows: readonly HeartbeatRow[]): string | null {
  if (rows.length === 0) return 'its heartbeat table is empty';
  const youngest = Math.min(...rows.map(({ ageS }) => ageS));
  return youngest <= HEARTBEAT_FRESH_S ? null : `its youngest heartbeat is ${duration(youngest * 1_000)} old`;
}

/** Without the grant, which follows as a statement. */
function refusalIn(denied: string): string {
  return denied.replace(/: GRANT .*$/s, '');
}

function grants(
  denied: readonly string[],
  account: string | null,
  { credentials }: DatabaseTarget,
): Pick<Check, 'advice' | 'statements'> {
  const missing = [...new Set(denied.flatMap((words) => grantIn(words) ?? []))];
  if (missing.length === 0) return { advice: 'compare the account with docs/databases.md' };
  const whom = account ?? `'${credentials.user}'@'HOST'`;
  return {
    advice: 'what else is asked works without; as an administrator, run there:',
    statements: missing.map((grant) => `GRANT ${grant} TO ${whom};`),
  };
}

function failureAdvice({ place, node, credentials }: DatabaseTarget, { reason }: PollFailure): string {
  switch (reason) {
    case 'denied':
      return `compare user and password; where there is no ${credentials.user} for this machine's address yet, docs/databases.md has its statements`;
    case 'answer':
      return 'is that MySQL or MariaDB, and may it take one more connection?';
    case 'tls':
      return 'set caFile to the certificate of its authority, or insecure: true';
    case 'blind':
      return 'mend this machine, or the name that it is asked by';
    case 'refused':
      return place.kind === 'unix'
        ? `start the server on ${node}, or compare the URL with \`socket\` in its configuration`
        : `start the server on ${node}, or compare the URL with \`bind_address\` and \`port\` in its configuration`;
    case 'timeout':
    case 'unreachable':
    case 'closed':
      return `look at the way to ${node}, and at its firewall`;
  }
}
