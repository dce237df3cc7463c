/** Keeps secrets out of what is said: an answer may echo a request, a library may quote a URL. Pure. */

/** Removes every secret, also in the forms in which it travels. Secrets shorter than 4 characters would hit anything. */
export function redacted(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets.filter((each) => each.length >= 4).sort((a, b) => b.length - a.length)) {
    for (const form of [secret, encodeURIComponent(secret), base64(secret)])
      clean = clean.replaceAll(form, '***');
  }
  return clean;
}

/**
 * Where a URL leads to, for messages: the host alone. Paths of webhooks are often secrets themselves, as are queries
 * and user names.
 */
export function shownUrl(url: string): string {
  const { protocol, host, pathname, search } = new URL(url);
  return `${protocol}//${host}${pathname === '/' && search === '' ? '' : '/…'}`;
}

/** The parts of a webhook's URL that may be secret. */
export function secretsOfUrl(url: string): readonly string[] {
  const { username, password, pathname, searchParams } = new URL(url);
  const parts = [decoded(username), decoded(password), pathname, ...searchParams.values()];
  return [...parts, ...pathname.split('/').filter((part) => part.length >= 16)].filter(
    (part) => part.length >= 4,
  );
}

/** A `%` that encodes nothing stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** One line of at most so many characters, without what could move a terminal's cursor. */
export function oneLine(text: string, most = 300): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  return line.length <= most ? line : `${line.slice(0, most - 1)}…`;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64').replace(/=+$/, '');
}
