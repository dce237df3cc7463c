/** What `vipwatch doctor` finds out by asking each configured HAProxy, service and database once. */
import type { Configuration } from '../config/read.ts';
import type { PollFailure, ProbeObservation, ProxyObservation } from '../observation.ts';
import type { ProbeTarget, ProxyTarget } from '../poll/settings.ts';
import type { Check } from './doctor.ts';
import { databaseCheck } from './doctor-database.ts';
import { duration, plural } from './terminal.ts';

type Asking = Pick<Configuration, 'polls' | 'observer'>;

/** In the order of the configuration. `asRoot`: what only the daemon's own user can find out is said. */
export async function askedChecks({ polls, observer }: Asking, asRoot: boolean): Promise<readonly Check[]> {
  const { proxies, probes, databases } = polls;
  if (proxies.length + probes.length + databases.length === 0) return [];
  const { askDatabaseOnce, askProxyOnce, askServiceOnce } = await import('../poll/once.ts');
  const { accountAt } = await import('../poll/databases/account.ts');
  const runsOf = ({ cluster, node, index }: ProxyTarget) =>
    observer.clusters.find(({ name }) => name === cluster)?.nodes.find(({ name }) => name === node)?.proxies[
      index
    ]?.runs ?? 'always';
  return await Promise.all([
    ...proxies.map(async (target) => proxyCheck(target, await askProxyOnce(target), runsOf(target), asRoot)),
    ...probes.map(async (target) => serviceCheck(target, await askServiceOnce(target))),
    ...databases.map(async (target) => {
      const told = await askDatabaseOnce(target);
      const lacksGrants = (told.reading?.denied.length ?? 0) > 0;
      return databaseCheck(target, told, lacksGrants ? await accountAt(target) : null);
    }),
  ]);
}

function proxyCheck(
  target: ProxyTarget,
  { reading, failure }: ProxyObservation,
  runs: 'always' | 'on-holder',
  asRoot: boolean,
): Check {
  const who = `HAProxy on ${target.node} (${target.label})`;
  if (failure !== null) {
    const mayBeOff = runs === 'on-holder' && (failure.reason === 'refused' || failure.reason === 'timeout');
    return {
      state: mayBeOff ? 'warn' : 'FAIL',
      what: `${who} cannot be asked: ${failure.error}`,
      advice: mayBeOff ? 'well so where the VIP is not (runs: on-holder)' : proxyAdvice(target, failure),
    };
  }
  const { rows = [], process = null, refusedRows = 0, refusal = null } = reading ?? {};
  if (refusedRows > 0)
    return {
      state: 'warn',
      what: `${who} answers, but ${plural(refusedRows, 'row')} made no sense: ${refusal ?? ''}`,
      advice: 'the rest is understood; please report the release of HAProxy and such a row',
    };
  const count = (type: string) => rows.filter((row) => row.type === type).length;
  const release = process?.release == null ? '' : ` ${process.release}`;
  const foreign = asRoot && target.place.kind === 'unix' ? '; asked as root, which the daemon is not' : '';
  return {
    state: 'ok',
    what: `${who} answers:${release} ${plural(count('backend'), 'backend')}, ${plural(count('server'), 'server')}${foreign}`,
    advice: null,
  };
}

function proxyAdvice({ place, node }: ProxyTarget, { reason }: PollFailure): string {
  switch (reason) {
    case 'denied':
      return place.kind === 'unix'
        ? 'the socket must be open to the group of vipwatch: `stats socket … mode 660 group haproxy`, usermod -aG haproxy vipwatch'
        : 'compare user and password with `stats auth` in haproxy.cfg';
    case 'answer':
      return place.kind === 'http'
        ? 'does the URL name the page of `stats uri`?'
        : 'is that the `stats socket` of haproxy.cfg?';
    case 'tls':
      return 'set caFile to the certificate of its authority, or insecure: true';
    case 'blind':
      return 'mend this machine, or the name that it is asked by';
    case 'refused':
      return `start HAProxy on ${node}, or compare the URL with \`bind\` and \`stats socket\` in haproxy.cfg`;
    case 'timeout':
    case 'unreachable':
    case 'closed':
      return `look at the way to ${node}, and at its firewall`;
  }
}

function serviceCheck(target: ProbeTarget, { failure, latencyMs, answeredBy }: ProbeObservation): Check {
  const what = `service ${target.label}`;
  if (failure === null) {
    const by = answeredBy === null ? '' : ` by ${answeredBy}`;
    return { state: 'ok', what: `${what} answers${by} in ${duration(latencyMs ?? 0)}`, advice: null };
  }
  return {
    state: target.node === null ? 'FAIL' : 'warn',
    what: `${what} does not answer: ${failure.error}`,
    advice: serviceAdvice(target, failure),
  };
}

function serviceAdvice({ node }: ProbeTarget, { reason }: PollFailure): string {
  switch (reason) {
    case 'denied':
      return 'compare user and password with what the service knows, and from where it lets them come';
    case 'answer':
      return 'compare path, expect and query with what the service answers';
    case 'tls':
      return 'set caFile to the certificate of its authority, or insecure: true';
    case 'blind':
      return 'mend this machine, or the name that it is asked by';
    default:
      return node === null
        ? 'does anybody hold the VIP, and does the service listen there? Else compare probe with where it does'
        : `start it on ${node}; where it listens on the VIP alone, set nodes: false`;
  }
}
