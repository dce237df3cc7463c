/**
 * Asks one database server, poll after poll. Its connection is kept; after any failure the next poll makes a new one. A
 * connection that the server has closed between two polls, as at a restart, is no failure.
 */
import type { DatabaseReading } from '../../reading/database.ts';
import { failureOf } from '../failure.ts';
import type { DatabaseTarget } from '../settings.ts';
import type { Source } from '../source.ts';
import { type Identity, identify, sessionSettings } from './identity.ts';
import { Memory, pollDatabase } from './poll.ts';
import { Oddities, type Row, StatementError } from './rows.ts';
import { Session } from './session.ts';
import { refusedBy } from './session-failure.ts';

export function databaseAsker(target: DatabaseTarget): Source<DatabaseReading> {
  return new Asker(target);
}

/** `ndbinfo` may take this part of a poll's time, and at most so long. */
const BRIEFLY_PART = 0.4;
const BRIEFLY_MAX_MS = 1_000;

interface Known {
  readonly session: Session;
  readonly identity: Identity;
}

class Asker implements Source<DatabaseReading> {
  readonly #target: DatabaseTarget;
  readonly #memory = new Memory();
  #known: Known | null = null;

  constructor(target: DatabaseTarget) {
    this.#target = target;
  }

  async ask(signal: AbortSignal): Promise<DatabaseReading> {
    const kept = this.#known;
    if (kept?.session.isOpen) {
      try {
        return await this.#poll(kept, signal);
      } catch (error) {
        this.close();
        if (error instanceof StatementError) throw refusedBy(error);
        if (signal.aborted || failureOf(error).reason !== 'closed') throw error;
      }
    }
    try {
      this.#known = await this.#connect(signal);
      return await this.#poll(this.#known, signal);
    } catch (error) {
      this.close();
      throw error instanceof StatementError ? refusedBy(error) : error;
    }
  }

  close(): void {
    this.#known?.session.close();
    this.#known = null;
  }

  async #connect(signal: AbortSignal): Promise<Known> {
    this.#memory.forgetWays();
    const session = await Session.open(this.#target, signal);
    try {
      const identity = await identify((sql) => session.query(sql, signal), new Oddities());
      await settle(session, identity, this.#target.timeoutMs, signal);
      return { session, identity };
    } catch (error) {
      session.close();
      throw error;
    }
  }

  async #poll({ session, identity }: Known, signal: AbortSignal): Promise<DatabaseReading> {
    return await pollDatabase({
      target: this.#target,
      identity,
      memory: this.#memory,
      query: (sql) => session.query(sql, signal),
      queryBriefly: (sql) => briefly(session, sql, this.#target.timeoutMs, signal),
      nowMs: performance.now(),
    });
  }
}

/** They are a precaution: a server that does not know one of them is asked all the same. */
async function settle(
  session: Session,
  identity: Identity,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  try {
    await session.query(sessionSettings(identity, timeoutMs), signal);
  } catch (error) {
    if (!(error instanceof StatementError)) throw error;
  }
}

async function briefly(
  session: Session,
  sql: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly Row[] | null> {
  const brief = AbortSignal.timeout(Math.min(BRIEFLY_MAX_MS, timeoutMs * BRIEFLY_PART));
  try {
    return await session.query(sql, AbortSignal.any([signal, brief]));
  } catch (error) {
    if (brief.aborted && !signal.aborted && !session.isOpen) return null;
    throw error;
  }
}
