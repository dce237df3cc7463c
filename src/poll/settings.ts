/** What is polled and probed, how often, and with which credentials. Plain data; `src/config` reads it. */

export interface PollSettings {
  readonly proxies: readonly ProxyTarget[];
  readonly probes: readonly ProbeTarget[];
  readonly databases: readonly DatabaseTarget[];
}

/** What every target has, whatever is asked there. */
interface Target {
  readonly cluster: string;
  /** for people: the URL without credentials */
  readonly label: string;
  readonly everyMs: number;
  readonly timeoutMs: number;
}

/** How a server's certificate is judged. */
export interface TlsSettings {
  /** PEM of the authorities that are trusted; null: those of the system */
  readonly ca: string | null;
  readonly insecure: boolean;
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** One HAProxy process. */
export interface ProxyTarget extends Target {
  readonly node: string;
  /** its place in the node's list */
  readonly index: number;
  readonly place: ProxyPlace;
}

export type ProxyPlace =
  | {
      readonly kind: 'http';
      /** of the statistics page, `;csv` not yet appended; no credentials */
      readonly url: string;
      readonly credentials: Credentials | null;
      readonly tls: TlsSettings;
    }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** A service, asked at the VIP or at one node beside it. */
export interface ProbeTarget extends Target {
  /** the virtual router's place in the cluster's list */
  readonly router: number;
  /** null: at the VIP */
  readonly node: string | null;
  readonly host: string;
  readonly port: number;
  readonly how: ProbeHow;
}

export type ProbeHow =
  | { readonly kind: 'tcp' }
  | {
      readonly kind: 'http';
      readonly tls: TlsSettings | null;
      /** path and query */
      readonly path: string;
      /** for the `Host` header and as server name, without port: as the URL is written, whichever address is asked */
      readonly hostName: string;
      readonly credentials: Credentials | null;
      /** any 2xx or 3xx where null */
      readonly status: number | null;
      /** what the answer must contain within its first 64 KiB */
      readonly text: string | null;
    }
  | {
      readonly kind: 'mysql';
      /** null: the server's greeting is enough */
      readonly credentials: Credentials | null;
      /** null: none; it must return a row */
      readonly query: string | null;
    };

/** One database server. */
export interface DatabaseTarget extends Target {
  readonly node: string;
  /** its place in the node's list */
  readonly index: number;
  readonly place:
    | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
    | { readonly kind: 'unix'; readonly path: string };
  readonly credentials: Credentials;
  /** null: in the clear */
  readonly tls: TlsSettings | null;
  /** the table that pt-heartbeat writes; null: none */
  readonly heartbeat: { readonly schema: string; readonly table: string } | null;
}
