/** A URL of the configuration without the credentials that it may hold, so that they stay in nothing that is shown. */
import type { Credentials } from '../poll/settings.ts';

export interface Taken {
  /** as it was written, but for the credentials */
  readonly url: string;
  readonly credentials: Credentials | null;
}

/** Null where it is no URL, a `%` stands for nothing, or a password is nobody's. */
export function withoutCredentials(text: string): Taken | null {
  if (!URL.canParse(text)) return null;
  const { username, password } = new URL(text);
  if (username === '' && password === '') return { url: text, credentials: null };
  if (username === '') return null;
  try {
    return {
      url: text.replace(/^([^/]*\/\/)[^/?#]*@/, '$1'),
      credentials: { user: decodeURIComponent(username), password: decodeURIComponent(password) },
    };
  } catch {
    return null;
  }
}
