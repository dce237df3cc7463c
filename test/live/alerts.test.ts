/** A split-brain of a real pair becomes one thread of mails, from the first word to the all-clear. */
import { expect } from 'vitest';
import { linesOfProcess } from '../../src/demo/lines.ts';
import { now } from '../../src/demo/node.ts';
import { describeLive, live } from '../support/live.ts';
import { type ParsedMail, parseMail } from '../support/mail-parser.ts';
import { pair, startPair, VIP, VRID } from '../support/pairs.ts';

const PORT = 2525;
const SINK = new URL('../support/mail-sink.mjs', import.meta.url).pathname;
const TOLD_WITHIN_MS = 60_000;

describeLive('mails', () => {
  live(
    'of a split-brain and its healing are one thread that ends with the all-clear',
    {
      ...pair(),
      routers: [{ vrid: VRID, vips: [VIP] }],
      configuration: [
        'alerts:',
        `  email: {smtp: "smtp://127.0.0.1:${PORT}", from: vipwatch@example.com, to: [oncall@example.com]}`,
      ],
      prepare: async (lab) => {
        const sink = linesOfProcess(
          'the mail server',
          lab.observer.spawn([process.execPath, SINK, `${PORT}`]),
        );
        await sink.first((line) => (line === 'listening' ? line : undefined), {
          what: 'the mail server listens',
          limitMs: TOLD_WITHIN_MS,
        });
        inbox = (count) =>
          sink.first(
            () => {
              const mails = sink.all.filter((line) => line.startsWith('{'));
              return mails.length < count ? undefined : mails.map((line) => parseMail(JSON.parse(line).raw));
            },
            { what: `${count} mails`, limitMs: TOLD_WITHIN_MS },
          );
      },
    },
    async ({ lab, observer }) => {
      const { lb1, lb2 } = await startPair(lab);
      await observer.event({ kind: 'master-seen' });
      // The announcements of the takeover are over, or a later one of them would mend what the healing leaves behind.
      await lb1.announcesAgain();

      await Promise.all([lb1.dropVrrp('in'), lb2.dropVrrp('in')]);
      await observer.event({ kind: 'split-brain', phase: 'begin' });
      const [first] = await inbox(1);
      expect(header(first, 'subject')).toMatch(/^\[FIRING\]\[critical\] /);
      expect(first?.text).toContain(`lb1 and lb2 both hold ${VIP}`);
      expect(first?.text).toContain('Check that no data was written on both sides');
      expect(header(first, 'auto-submitted')).toBe('auto-generated');

      const healed = now();
      await lb2.healVrrp();
      await lb2.becomes('BACKUP', { after: healed });
      await lb1.healVrrp();
      await observer.event({ kind: 'split-brain', phase: 'end' });
      await observer.event({ kind: 'garp-missing', phase: 'begin' });
      await lb1.announce(VIP);
      await observer.event({ kind: 'garp-missing', phase: 'end' });

      let mails = await inbox(2);
      while (!/^\[RESOLVED\]/.test(header(mails.at(-1), 'subject'))) mails = await inbox(mails.length + 1);
      const opening = header(first, 'message-id');
      for (const mail of mails.slice(1)) expect(header(mail, 'references')).toContain(opening);
      expect(mails.filter((mail) => /^\[RESOLVED\]/.test(header(mail, 'subject')))).toHaveLength(1);
      await observer.nothingElse();
    },
  );
});

let inbox: (count: number) => Promise<readonly ParsedMail[]>;

function header(mail: ParsedMail | undefined, name: string): string {
  return mail?.headers.get(name) ?? '';
}
