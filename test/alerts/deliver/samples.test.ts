/**
 * A mail of every status, whole: `RENDER_TO=folder npx vitest run test/alerts/deliver/samples.test.ts` writes them there,
 * to be looked at in a browser (light, dark, narrow, wide) whenever the look of mails is changed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { renderEmail } from '../../../src/alerts/deliver/render-email.ts';
import {
  CONTEXT,
  knownAt,
  plainNotification,
  replayedIncident,
  told,
} from '../../support/sample-notifications.ts';

const folder = process.env.RENDER_TO;
const VOID = new Set(['meta', 'br']);

it('a mail of every status is whole', async () => {
  const split = await replayedIncident('split-brain');
  const failover = await replayedIncident('failover');
  const misses = told(failover).alerts.map((alert) => ({ ...alert, count: 7, advice: 'Look at drops.' }));
  const samples = {
    firing: told(split, {}, knownAt(split, 'split-brain')),
    update: told(split, { status: 'update', revision: 1, heldBack: 3 }),
    repeat: told(split, { status: 'repeat', revision: 2 }),
    resolved: told(split, { status: 'resolved', revision: 3 }),
    failover: told(failover),
    test: plainNotification(),
    notice: plainNotification({
      status: 'notice',
      headline: 'Email could not be sent for 2 h; it is again.',
    }),
    digest: plainNotification({
      status: 'digest',
      headline: '2 near misses in the last day.',
      alerts: misses,
    }),
  };
  for (const [name, notification] of Object.entries(samples)) {
    const mail = renderEmail(notification, CONTEXT);
    expect(openTags(mail.html), name).toEqual([]);
    expect(mail.html + mail.text + mail.subject, name).not.toMatch(/undefined|NaN|\[object|null/);
    expect(Math.max(...mail.text.split('\n').map((line) => line.length)), name).toBeLessThanOrEqual(90);
    if (folder === undefined) continue;
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/${name}.html`, mail.html);
    writeFileSync(`${folder}/${name}.txt`, `${mail.subject}\n\n${mail.text}`);
  }
});

/** What is opened and not closed, or closed and not opened. */
function openTags(html: string): readonly string[] {
  const open: string[] = [];
  for (const [, slash, name = ''] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)/g)) {
    if (VOID.has(name)) continue;
    if (slash === '') open.push(name);
    else if (open.at(-1) === name) open.pop();
    else return [...open, `/${name}`];
  }
  return open;
}
