/**
 * The grammar of the column `status`, HAProxy 1.4 to 3.x: a word, perhaps `n/m`, perhaps a reason in parentheses, which
 * 1.4 wrote without a space before it: `UP 1/3`, `DOWN (agent)`, `MAINT (via px/srv)`, `MAINT(via)`, `no check`.
 */
import type { ProxyStatus, ProxyStatusWord } from '../../reading/proxy.ts';

const WORDS: ReadonlySet<string> = new Set<ProxyStatusWord>([
  'UP',
  'DOWN',
  'NOLB',
  'DRAIN',
  'MAINT',
  'no check',
  'OPEN',
  'STOP',
  'PAUSED',
  'FULL',
  'WAITING',
]);

/** The word ends at a space, a parenthesis or the end; whatever else a later release appends is kept in `raw` alone. */
const GRAMMAR = /^(no check|[A-Z]+)(?=$|[ (])(?: (\d{1,6})\/(\d{1,6})(?=$|[ (]))?(?: ?\(([^()]*)\)$)?/;

export function parseStatus(raw: string): ProxyStatus {
  const match = GRAMMAR.exec(raw);
  const word = match?.[1] ?? '';
  if (match === null || !isWord(word)) return { word: 'unknown', raw, health: null, why: null };
  const [, , passed, needed, why] = match;
  const health = passed === undefined ? null : ([Number(passed), Number(needed)] as const);
  return { word, raw, health, why: why ?? null };
}

function isWord(word: string): word is ProxyStatusWord {
  return WORDS.has(word);
}
