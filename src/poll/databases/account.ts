/** The account that a server takes us for, quoted as statements want it: for whoever must grant it something. */
import type { DatabaseTarget } from '../settings.ts';
import { Session } from './session.ts';

/** `'vipwatch'@'192.168.10.%'`; null where it cannot be had. */
export async function accountAt(target: DatabaseTarget): Promise<string | null> {
  const signal = AbortSignal.timeout(target.timeoutMs);
  try {
    const session = await Session.open(target, signal);
    try {
      const [row] = await session.query('SELECT CURRENT_USER() AS account', signal);
      return quotedAccount(row?.get('account') ?? '');
    } finally {
      session.close();
    }
  } catch {
    return null;
  }
}

/** People run what it stands in: null for whatever could be more than a name. */
export function quotedAccount(account: string): string | null {
  const [, user, host] = /^([\w.@ -]{1,80})@([\w.:%/-]{1,255})$/.exec(account) ?? [];
  return user === undefined || host === undefined ? null : `'${user}'@'${host}'`;
}
