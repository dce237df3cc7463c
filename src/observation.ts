/**
 * The observer's inputs: one fact from outside with its time. A closed union; the sources make them, the pump
 * puts them in order, the observer concludes.
 */
import type { DatabaseReading } from './reading/database.ts';
import type { ProxyReading } from './reading/proxy.ts';
import type { Instant } from './time.ts';
import type { Advert, Carp, Claim, Family } from './wire/packet.ts';

/** One broadcast domain as one capture sees it. Compared by identity: one object a segment. */
export interface Segment {
  /** `eth0`, `eth0.100`, `replay` */
  readonly name: string;
  /** the capture that all its VLANs share, which is what can go blind: `eth0`, `replay` */
  readonly capture: string;
}

export type Observation =
  | AdvertObservation
  | ClaimObservation
  | CarpObservation
  | TrafficObservation
  | SightObservation
  | RunObservation
  | SinkObservation
  | ProxyObservation
  | ProbeObservation
  | DatabaseObservation
  | ClockObservation;

/** An advert, valid or not. Equal adverts of one speaker may be, and in the fast path are, one `advert` object. */
export interface AdvertObservation {
  readonly kind: 'advert';
  readonly at: Instant;
  readonly segment: Segment;
  readonly advert: Advert;
  /** the IPv4 identification, keepalived's advert counter; null over IPv6 */
  readonly ipId: number | null;
}

export interface ClaimObservation {
  readonly kind: 'claim';
  readonly at: Instant;
  readonly segment: Segment;
  readonly claim: Claim;
}

export interface CarpObservation {
  readonly kind: 'carp';
  readonly at: Instant;
  readonly segment: Segment;
  readonly carp: Carp;
}

/** Some other frame was heard: the capture works. Sources may thin these out (one in 50 ms is enough). */
export interface TrafficObservation {
  readonly kind: 'traffic';
  readonly at: Instant;
  readonly segment: Segment;
  /** set where it was ARP or neighbour discovery: proof that claims of this family would be captured */
  readonly addressTalk: Family | null;
}

/** Whether a capture can see. While it cannot, silence proves nothing. */
export interface SightObservation {
  readonly kind: 'sight';
  readonly at: Instant;
  readonly capture: string;
  readonly seeing: boolean;
  readonly reason: string;
  /** frames known to be lost, where that is why: those since the last observation that said so */
  readonly dropped: number | null;
  /** blind since then already, though it was noticed only now */
  readonly since?: Instant;
}

/** The observing itself begins or stops. */
export interface RunObservation {
  readonly kind: 'run';
  readonly at: Instant;
  readonly phase: 'started' | 'stopped';
  /** of vipwatch */
  readonly release: string;
  /** what is known of the run before this one: none, ended properly, or cut off */
  readonly previous: 'none' | 'stopped' | 'killed';
  /** the last sign of life of the run before this one */
  readonly previousUntil: Instant | null;
}

/** Something that events are told to works, or does not. `journal` is one of them. */
export interface SinkObservation {
  readonly kind: 'sink';
  readonly at: Instant;
  readonly sink: string;
  readonly failing: boolean;
  readonly error: string | null;
  /** events that wait for it */
  readonly waiting: number;
}

/** One poll of a HAProxy process: what it said, or why it said nothing. */
export interface ProxyObservation {
  readonly kind: 'proxy';
  /** when the answer was complete, or given up */
  readonly at: Instant;
  readonly askedAt: Instant;
  readonly cluster: string;
  readonly node: string;
  /** which of the node's processes: its place in the configuration's list */
  readonly index: number;
  /** null: it failed */
  readonly reading: ProxyReading | null;
  readonly failure: PollFailure | null;
}

/** One poll of a database server: what it said, or why it said nothing. */
export interface DatabaseObservation {
  readonly kind: 'database';
  /** when the answer was complete, or given up */
  readonly at: Instant;
  readonly askedAt: Instant;
  readonly cluster: string;
  readonly node: string;
  /** which of the node's servers: its place in the configuration's list */
  readonly index: number;
  /** null: it failed */
  readonly reading: DatabaseReading | null;
  readonly failure: PollFailure | null;
}

/**
 * Why a source said nothing, or nothing that can be used. `refused`: nobody listens there, though the machine is alive
 * (a missing unix socket, too). `timeout`: nobody answered in time. `unreachable`: no way there. `closed`: the connection
 * ended in the middle. `denied`: it wants other credentials. `answer`: an answer that is none (a status other than 200,
 * no CSV, too large). `tls`: the certificate or the handshake. `blind`: our own fault, which says nothing of the source.
 */
export interface PollFailure {
  readonly reason: 'refused' | 'timeout' | 'unreachable' | 'closed' | 'denied' | 'answer' | 'tls' | 'blind';
  /** for people; no secrets, at most 200 characters */
  readonly error: string;
}

/** One probe of a service: through the VIP, or to a node beside it. Those of one target come in the order they began. */
export interface ProbeObservation {
  readonly kind: 'probe';
  /** when its result became usable: no probe of the same target that began earlier is still out */
  readonly at: Instant;
  /** when it was sent */
  readonly startedAt: Instant;
  readonly cluster: string;
  /** the virtual router's place in the cluster's list */
  readonly router: number;
  /** the node that was asked directly; null: whoever holds the VIP */
  readonly node: string | null;
  /** null: it succeeded */
  readonly failure: PollFailure | null;
  /** until the service had answered; null where it did not */
  readonly latencyMs: number | null;
  /** who answered, where the answer says so: a name or an address */
  readonly answeredBy: string | null;
}

/** Time passed and nothing was heard. */
export interface ClockObservation {
  readonly kind: 'clock';
  readonly at: Instant;
}
