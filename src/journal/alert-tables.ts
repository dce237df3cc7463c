/**
 * What the dispatch of alerts keeps between runs, in the journal's file: how far it has read, what it knows, and what
 * is yet to be delivered. All of a step is one transaction, so that no kill can part them. Knows none of it but as text.
 */
import type { Database, Statement } from 'better-sqlite3';

export interface AlertsKept {
  /** null: nothing was ever kept */
  readonly cursor: number | null;
  readonly state: readonly NamedText[];
  /** in the order in which they were queued */
  readonly outbox: readonly Queued[];
}

export interface NamedText {
  readonly name: string;
  /** null: to be forgotten */
  readonly value: string | null;
}

export interface Queued {
  readonly id: string;
  readonly notification: string;
}

/** One step. Said again it changes nothing more. */
export interface AlertsStep {
  readonly cursor: number;
  readonly state: readonly NamedText[];
  /** in the place of what has the same id already */
  readonly queued: readonly Queued[];
  /** ids of what is delivered, or never will be */
  readonly settled: readonly string[];
}

const READER = 'alerts';

export class AlertTables {
  readonly #db: Database;
  readonly #setState: Statement<[string, string]>;
  readonly #deleteState: Statement<[string]>;
  readonly #queue: Statement<[string, string]>;
  readonly #settle: Statement<[string]>;
  readonly #advance: Statement<[string, number]>;

  constructor(db: Database) {
    this.#db = db;
    this.#setState = db.prepare('INSERT OR REPLACE INTO alert_state VALUES (?, ?)');
    this.#deleteState = db.prepare('DELETE FROM alert_state WHERE name = ?');
    this.#queue = db.prepare(
      `INSERT INTO alert_outbox (id, notification) VALUES (?, ?)
       ON CONFLICT (id) DO UPDATE SET notification = excluded.notification`,
    );
    this.#settle = db.prepare('DELETE FROM alert_outbox WHERE id = ?');
    this.#advance = db.prepare(
      `INSERT INTO cursors VALUES (?, 'events', ?) ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq)`,
    );
  }

  kept(): AlertsKept {
    const db = this.#db;
    const cursor = db
      .prepare<[string], { seq: number }>(`SELECT seq FROM cursors WHERE reader = ? AND stream = 'events'`)
      .get(READER);
    return {
      cursor: cursor?.seq ?? null,
      state: db.prepare<[], { name: string; value: string }>('SELECT * FROM alert_state ORDER BY name').all(),
      outbox: db.prepare<[], Queued>('SELECT id, notification FROM alert_outbox ORDER BY place').all(),
    };
  }

  keep({ cursor, state, queued, settled }: AlertsStep): void {
    this.#db
      .transaction(() => {
        this.#advance.run(READER, cursor);
        for (const { name, value } of state)
          if (value === null) this.#deleteState.run(name);
          else this.#setState.run(name, value);
        for (const { id, notification } of queued) this.#queue.run(id, notification);
        for (const id of settled) this.#settle.run(id);
      })
      .immediate();
  }
}
