/**
 * How two pieces of JSON differ, and a short name for what one of them says. Pure.
 *
 * Items of lists that have an `id`, `name` or `refId` are matched by it, so that a panel that was moved in the list is
 * no difference of all panels after it.
 */
import { createHash } from 'node:crypto';

const VALUE_LENGTH_MAX = 60;

/** One line for each place: what stands there, and what would. */
export function differences(there: unknown, here: unknown, place = ''): readonly string[] {
  if (canonical(there) === canonical(here)) return [];
  if (isMapping(there) && isMapping(here)) {
    return keysOf(there, here).flatMap((key) =>
      differences(there[key], here[key], place === '' ? key : `${place}.${key}`),
    );
  }
  if (Array.isArray(there) && Array.isArray(here) && isKeyed([...there, ...here])) {
    const mine = byKey(here);
    const theirs = byKey(there);
    return [...new Set([...theirs.keys(), ...mine.keys()])].flatMap((key) => {
      const [one, other] = [theirs.get(key), mine.get(key)];
      return differences(one, other, `${place}[${key}${titleOf(other ?? one)}]`);
    });
  }
  return [`${place}: ${shownValue(there)} in Grafana, ${shownValue(here)} here`];
}

/** The same for the same contents, whatever the order of keys. */
export function contentHash(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex').slice(0, 16);
}

function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_, inner: unknown) =>
      isMapping(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
        : inner,
    ) ?? 'undefined'
  );
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function keysOf(...mappings: readonly object[]): readonly string[] {
  return [...new Set(mappings.flatMap(Object.keys))];
}

function isKeyed(items: readonly unknown[]): boolean {
  return items.every((item) => keyOf(item) !== null);
}

function byKey(items: readonly unknown[]): ReadonlyMap<string, unknown> {
  return new Map(items.map((item) => [keyOf(item) ?? '', item]));
}

function keyOf(item: unknown): string | null {
  if (!isMapping(item)) return null;
  const key = item.id ?? item.name ?? item.refId;
  return typeof key === 'string' || typeof key === 'number' ? String(key) : null;
}

function titleOf(item: unknown): string {
  return isMapping(item) && typeof item.title === 'string' ? ` "${item.title}"` : '';
}

function shownValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = canonical(value);
  return text.length > VALUE_LENGTH_MAX ? `${text.slice(0, VALUE_LENGTH_MAX)}…` : text;
}
