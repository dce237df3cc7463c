/**
 * What to do about a problem, for the person on call: one short text for each kind of event that means trouble.
 * Pure; the texts name the usual causes first and the command or setting to look at.
 */
import type { TimelineEvent } from '../events.ts';

/** Null where the event is no problem in itself. */
export function adviceFor(event: TimelineEvent): string | null {
  switch (event.kind) {
    case 'failover':
      return failoverAdvice(event.details.cause);
    case 'master-lost':
      if (event.details.reason === 'never-heard') {
        return 'Is keepalived running on the nodes, and does this capture see their segment (VLAN, mirror port, filter)? With unicast peers set `unicast: true`.';
      }
      if (event.details.reason === 'resigned') {
        return 'The master gave up and no backup took over: is keepalived running on the others, and not in FAULT state (`journalctl -u keepalived`)?';
      }
      return event.details.nothingElseHeard
        ? 'Nothing at all was heard since: first make sure that the capture itself still sees the segment.'
        : 'No node speaks: look at `systemctl status keepalived` and the network of each node.';
    case 'split-brain':
      return event.details.reason === 'rejects'
        ? `The nodes drop each other's adverts: make ${listed(event.details.rejects)} equal in every keepalived.conf of this virtual router.`
        : 'The nodes do not hear each other: look for a firewall (IP protocol 112 to 224.0.0.18 or ff02::12), IGMP/MLD snooping, a cut link or VLAN between them. Check that no data was written on both sides.';
    case 'overlap':
      return 'Adverts are being lost on their way to the backup, or its CPU stalls: look at drops on its interface and at the switch.';
    case 'vrid-collision':
      return 'Give one of the clusters another virtual_router_id: each rejects the other’s adverts and is delayed by them.';
    case 'flapping':
      return 'Something keeps failing and recovering: look at the tracked scripts (rise, fall, interval) and consider nopreempt.';
    case 'config-mismatch':
      return `Make ${event.details.field} equal in every keepalived.conf of this virtual router.`;
    case 'advert-gap':
      return event.details.lostBy === 'capture-or-network'
        ? 'Adverts were sent but not captured: a lossy network or a capture that drops frames.'
        : 'The master was late or muted: look at its CPU load, its steal time, and at foreign adverts on its VRID.';
    case 'advert-invalid':
      return 'Every receiver drops these adverts: find their sender by its address and MAC.';
    case 'source-spoofed':
      return 'Somebody forges adverts in a node’s name: find the port of that MAC on the switch.';
    case 'rogue-speaker':
      return 'An address that is not configured speaks for this virtual router: a forgotten node, a clone, or an attack.';
    case 'garp-missing':
      return `Hosts may still send to the old MAC: on the holder, run \`arping -U\` for the address, or restart keepalived; set garp_master_refresh.`;
    case 'ip-conflict':
      return 'Another machine uses the virtual address: find the port of its MAC on the switch and remove the address there.';
    case 'vip-dark':
      return event.details.neverAnnounced
        ? 'The holder never announced the VIP: run `arping -U` for it there, and look for what drops gratuitous ARP (switch, hypervisor).'
        : 'Ask the service on each node directly: does it answer there, and does it listen on the VIP (net.ipv4.ip_nonlocal_bind)?';
    case 'vip-on-dead-service':
      return 'Start the service on the holder, or move the VIP (`systemctl stop keepalived` there). Then let keepalived track it: a vrrp_script with weight 0 or below, and track_script.';
    case 'backend-down':
      return 'No server passes its check: look at the servers themselves first, then at the check (`show servers state`, `last_chk`).';
    case 'server-down':
      return event.details.uncheckedOnly
        ? 'What is left in the backend is not checked: add `check` to every server line, else HAProxy sends clients to dead ones.'
        : 'Look at the server itself, then at the path from the proxy to it.';
    case 'proxy-unreachable':
      return unreachableAdvice(event.details.reason, event.details.target);
    case 'proxy-saturated':
      return 'Clients will wait or be refused: look for slow servers first, then raise maxconn (and the file limit with it).';
    case 'proxy-drift':
      return 'Bring the configurations of the proxies together: after a failover clients meet the other one.';
    case 'vip-on-read-only':
      return 'Make the holder’s database writable (`SET GLOBAL read_only=0`), once it has applied everything, or move the VIP back.';
    case 'failover-to-lagging-replica':
      return 'Let the replica apply what it has received before clients write there; what it never received is on the old source only.';
    case 'replication-broken':
      return event.details.thread === 'io'
        ? 'The replica does not receive: is its source up and reachable, are user and password right, and has it still the binary logs?'
        : 'The replica cannot apply: look at the row or table of the error on both sides before skipping anything.';
    case 'replication-lag':
      return 'Look for a long transaction, a locked table or a slow disk on the replica. A failover to it would lose what is missing.';
    case 'errant-transactions':
      return 'Somebody wrote to the replica: find out what, and set super_read_only there.';
    case 'database-unreachable':
      return databaseAdvice(event.details.reason);
    case 'galera-not-primary':
      return 'Find the other members first. Only where all of them are dead: `SET GLOBAL wsrep_provider_options="pc.bootstrap=1"` on the most advanced one.';
    case 'galera-size':
      return 'Look at the missing member (`journalctl -u mariadb`): one more loss may cost the quorum.';
    case 'galera-flow-control':
      return 'The slowest member holds all others up: look at wsrep_local_recv_queue and the disk of each.';
    case 'galera-split':
      return 'Stop writes to one side now, and find out why both have a quorum (a bootstrap while the other ran?).';
    case 'dual-writes':
      return 'Stop writes to the node that does not hold the VIP; compare the transactions listed before you repair replication.';
    case 'ndb-node-down':
      return 'Look at `ndb_mgm -e show` and the data node’s log: with one more loss in its node group the cluster is gone.';
    case 'capture-degraded':
      return captureAdvice(event.details.reason, event.details.segment);
    case 'sink-failing':
      return event.details.sink === 'journal'
        ? 'Events are in memory only: look at the space, the permissions and the health of the disk that holds the journal.'
        : `Nothing is lost, events wait in the journal: is ${event.details.sink} reachable, and are its address and credentials right?`;
    case 'takeover-fitness':
    case 'server-maint':
    case 'proxy-restarted':
    case 'master-seen':
    case 'config-changed':
    case 'priority-change':
    case 'vip-moved':
    case 'observer-started':
    case 'observer-stopped':
      return null;
    default:
      return event satisfies never;
  }
}

function failoverAdvice(cause: string): string | null {
  switch (cause) {
    case 'silence':
      return 'The master fell silent without a word: look at its power, kernel, network, and keepalived (`journalctl -u keepalived`).';
    case 'priority-drop':
      return 'A tracked check lowered the master’s priority: look at what the check watches there.';
    default:
      return null; // graceful, preemption: somebody's will
  }
}

function unreachableAdvice(reason: string, target: string): string {
  switch (reason) {
    case 'denied':
      return target.startsWith('unix:')
        ? 'vipwatch may not open the socket: give it mode 660 and a group (`stats socket`), and put the user of vipwatch into that.'
        : 'HAProxy wants other credentials: compare `stats auth` with user and password in vipwatch.yaml.';
    case 'answer':
      return 'Something answers there, but no statistics: does the URL name the page of `stats uri`?';
    case 'tls':
      return 'The certificate is not accepted: set caFile for its authority (or insecure: true).';
    default:
      return 'Is HAProxy running there (`systemctl status haproxy`), and does it listen where it is asked?';
  }
}

function databaseAdvice(reason: string): string {
  return reason === 'denied'
    ? 'It refuses the user: compare user, password and host of the account with vipwatch.yaml.'
    : 'Is the server running there (`systemctl status mysql mariadb`), and does it listen where it is asked?';
}

/** Silence proves nothing while the capture is blind: what makes it see again? */
function captureAdvice(reason: string, capture: string): string {
  switch (reason) {
    case 'link-down':
      return `The interface has no link, so nothing can be seen: look at the cable, the switch port and \`ip link show ${capture}\`.`;
    case 'no-such-interface':
      return `The interface is gone or renamed (\`ip link\`): capture resumes by itself when ${capture} is back.`;
    case 'not-permitted':
      return 'The capture process may not open the interface: it needs CAP_NET_RAW (see the service unit).';
    case 'capture-crashed':
    case 'capture-hung':
      return 'The capture process is started again by itself; if this repeats, look at its last words in the log.';
    case 'machine-stalled':
      return 'The observer itself got no CPU: look at the load, the steal time and the suspends of this machine.';
    case 'clock-stepped':
      return 'The clock of this machine was set: let chrony or ntpd slew it instead.';
    default:
      return 'Silence proves nothing while the capture is blind: observe closer to the nodes, with a filter and a larger buffer (`tcpdump -B 16384`).';
  }
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'the configurations' : names.join(' and ');
}
