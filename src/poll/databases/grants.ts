/** Which statement asks for a server's channels and binary log, and which grant each needs: by flavour and release. */
import { type Identity, isAtLeast } from './identity.ts';

/** In the order to be tried: a release that does not know one answers with error 1064. */
export function channelStatements(identity: Identity): readonly string[] {
  if (identity.flavour === 'mariadb') return ['SHOW ALL SLAVES STATUS', 'SHOW SLAVE STATUS'];
  if (isAtLeast(identity, 8, 0, 22)) return ['SHOW REPLICA STATUS', 'SHOW SLAVE STATUS'];
  // Percona's own forms do not wait for a STOP SLAVE that waits itself.
  const nonBlocking =
    identity.flavour === 'percona' && !isAtLeast(identity, 8, 0)
      ? ['SHOW SLAVE STATUS NONBLOCKING', 'SHOW SLAVE STATUS NOLOCK']
      : [];
  return [...nonBlocking, 'SHOW SLAVE STATUS', 'SHOW REPLICA STATUS'];
}

export function channelsDenied(statement: string, identity: Identity): string {
  return `${statement} is denied: GRANT ${channelsGrant(identity)}`;
}

function channelsGrant(identity: Identity): string {
  if (identity.flavour !== 'mariadb' || !isAtLeast(identity, 10, 5, 2)) return 'REPLICATION CLIENT ON *.*';
  if (!isAtLeast(identity, 10, 5, 9)) return 'REPLICATION SLAVE ADMIN ON *.*';
  return 'SLAVE MONITOR ON *.* (in this release REPLICATION CLIENT does not suffice)';
}

/** In the order to be tried, as above. MySQL 8.4 no longer knows the old form. */
export function binlogStatements(identity: Identity): readonly string[] {
  const [old, ofMysql, ofMariadb] = ['SHOW MASTER STATUS', 'SHOW BINARY LOG STATUS', 'SHOW BINLOG STATUS'];
  if (identity.flavour === 'mariadb') return isAtLeast(identity, 10, 5, 2) ? [ofMariadb, old] : [old];
  return isAtLeast(identity, 8, 2) ? [ofMysql, old] : [old, ofMysql];
}

export function binlogDenied(statement: string, identity: Identity): string {
  const hasOwn = identity.flavour === 'mariadb' && isAtLeast(identity, 10, 5, 2);
  return `${statement} is denied: GRANT ${hasOwn ? 'BINLOG MONITOR' : 'REPLICATION CLIENT'} ON *.*`;
}

/** `on`: `percona`.`heartbeat`, performance_schema.* */
export function selectDenied(on: string): string {
  return `SELECT on ${on} is denied: GRANT SELECT ON ${on}`;
}

/** From such words what is to be granted, `SLAVE MONITOR ON *.*`; null where no grant would help. */
export function grantIn(denied: string): string | null {
  return /: GRANT (.+?)(?: \(.*\))?$/.exec(denied)?.[1] ?? null;
}

const DENIED = new Set([1044, 1045, 1142, 1143, 1227, 1370]);

/** Whether a statement's error means that the account may not. */
export function isDenied(errno: number): boolean {
  return DENIED.has(errno);
}
