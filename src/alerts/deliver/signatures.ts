/** How receivers want to be sure who speaks: each convention in its own words. Pure. */
import { createHmac } from 'node:crypto';

/**
 * Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`, the very bytes. The key is base64 after `whsec_`.
 * `timestamp`: seconds, of this attempt.
 */
export function standardSignature(secret: string, id: string, timestamp: number, body: Buffer): string {
  const mac = createHmac('sha256', standardKey(secret)).update(`${id}.${timestamp}.`).update(body);
  return `v1,${mac.digest('base64')}`;
}

export function standardKey(secret: string): Buffer {
  return Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
}

/** What is wrong with a signing key of Standard Webhooks; null where nothing is. Never says the key. */
export function standardKeyFault(secret: string): string | null {
  const text = secret.replace(/^whsec_/, '');
  if (!/^[A-Za-z0-9+/]+=*$/.test(text)) return 'expected base64 after whsec_';
  const { length } = standardKey(secret);
  return length >= 24 && length <= 64
    ? null
    : `expected 24 to 64 bytes in base64 after whsec_, not ${length} (openssl rand -base64 32)`;
}

/** DingTalk: the secret signs `timestamp\nsecret`; both go into the URL. `timestamp`: milliseconds. */
export function dingtalkSignature(secret: string, timestamp: number): string {
  return createHmac('sha256', secret).update(`${timestamp}\n${secret}`).digest('base64');
}

/** Feishu: `timestamp\nsecret` is the key, and nothing is signed with it. `timestamp`: seconds. */
export function feishuSignature(secret: string, timestamp: number): string {
  return createHmac('sha256', `${timestamp}\n${secret}`).digest('base64');
}
