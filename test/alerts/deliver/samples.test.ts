/** `RENDER_TO=folder npx vitest run test/alerts/deliver/samples.test.ts` writes sample mails to look at. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { it } from 'vitest';
import { renderEmail } from '../../../src/alerts/deliver/render-email.ts';
import {
  CONTEXT,
  knownAt,
  plainNotification,
  replayedIncident,
  told,
} from '../../support/sample-notifications.ts';

const folder = process.env.RENDER_TO;

it.skipIf(folder === undefined)('renders samples', async () => {
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  const split = await replayedIncident('split-brain');
  const failover = await replayedIncident('failover');
  const samples = {
    'split-firing': told(split, {}, knownAt(split, 'split-brain')),
    'split-update': told(split, { status: 'update', revision: 1, heldBack: 3 }),
    'split-resolved': told(split, { status: 'resolved', revision: 2 }),
    'failover-firing': told(failover),
    test: plainNotification(),
    digest: plainNotification({
      status: 'digest',
      headline: '2 near misses in the last day.',
      alerts: told(failover).alerts.map((alert) => ({ ...alert, count: 7, advice: 'Look at drops.' })),
    }),
  };
  for (const [name, notification] of Object.entries(samples)) {
    const mail = renderEmail(notification, CONTEXT);
    writeFileSync(`${folder}/${name}.html`, mail.html);
    writeFileSync(`${folder}/${name}.txt`, `${mail.subject}\n\n${mail.text}`);
  }
});
