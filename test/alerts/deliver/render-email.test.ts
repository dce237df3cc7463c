/** What a mail says: by itself, without a server. Stories are those of real recordings. */
import { describe, expect, it } from 'vitest';
import { holdingsOf } from '../../../src/alerts/deliver/holding.ts';
import { widthsOf } from '../../../src/alerts/deliver/mail-html.ts';
import { renderEmail } from '../../../src/alerts/deliver/render-email.ts';
import type { Notification } from '../../../src/alerts/notification.ts';
import { at, begin, end, event } from '../../support/journal-events.ts';
import {
  CONTEXT,
  knownAt,
  plainNotification,
  replayedIncident,
  told,
} from '../../support/sample-notifications.ts';

const mailOf = (notification: Notification) => renderEmail(notification, CONTEXT);
const width = (text: string) => [...new Intl.Segmenter().segment(text)].length;

describe('the subject', () => {
  it('says it all on a lock screen', async () => {
    const split = await replayedIncident('split-brain');
    expect(mailOf(told(split, {}, knownAt(split, 'split-brain'))).subject).toBe(
      '[FIRING][critical] pair: Split-brain: a and b both hold 10.0.0.100',
    );
    expect(mailOf(plainNotification()).subject).toBe('[TEST][info] A test of this receiver');
  });

  it('has at most 78 characters as people see them, cut where a clause or a word ends', () => {
    for (const word of ['word', 'Wörter,', '虚拟', '👩‍👩‍👧‍👦']) {
      const { subject } = mailOf(plainNotification({ headline: `${word} `.repeat(60) }));
      expect(width(subject)).toBeLessThanOrEqual(78);
      expect(subject).not.toContain('\ufffd');
      expect(subject.replace(/…$/, '')).toMatch(new RegExp(`${word.replace(',', ',?')}$`, 'u'));
    }
    expect(width(mailOf(plainNotification({ headline: 'x'.repeat(500) })).subject)).toBe(78);
  });

  it('is one line whatever the headline holds', () => {
    expect(mailOf(plainNotification({ headline: 'a\r\nBcc: x\u2028y' })).subject).toBe(
      '[TEST][info] a Bcc: x y',
    );
  });
});

describe('both bodies', () => {
  it('tell cause, dark time, who holds what, what to check and what happened, in this order', async () => {
    const { text, html } = mailOf(told(await replayedIncident('failover')));
    const plain = html.slice(html.indexOf('<h1')).replace(/<[^>]+>/g, ' ');
    for (const body of [text, plain].map((each) => each.replace(/\s+/g, ' '))) {
      const places = [
        '172.20.0.110 moved from n2 to n3 after 3.65 s of silence',
        'n2 fell silent without a word; n3 took over after 3.65 s',
        '2.65 s to 3.65 s',
        'n2 since 01:21:21',
        'look at its power, kernel, network',
        'times are UTC+01:00',
        '01:21:21.808',
        'vipwatch 0.1.0 on observer.example.com',
      ];
      let from = 0;
      for (const said of places) {
        const found = body.toLowerCase().indexOf(said.toLowerCase(), from);
        expect(found, said).not.toBe(-1);
        from = found + said.length;
      }
    }
  });

  it('tell what led to what beneath the headline, where that is more, and once', async () => {
    const failover = await replayedIncident('failover');
    const chain = /keepalived on \S+ fell silent at [\d:]+;\s\S+\stook\s/;
    const { subject, text, html } = mailOf(told(failover));
    expect(text).toMatch(chain);
    expect(html).toMatch(chain);
    expect(subject).not.toMatch(/fell silent/);
    expect(mailOf(told(failover, { status: 'repeat' })).text).not.toMatch(chain);
  });

  it('give the exact command where the address was not announced, on the node where it must run', async () => {
    const { text } = mailOf(told(await replayedIncident('split-brain')));
    expect(text).toContain('On a, announce the address anew:');
    expect(text).toContain(
      "    arping -U -c 3 -I $(ip -o addr show to 10.0.0.100 | awk '{print $2}') 10.0.0.100\n",
    );
  });

  it('escape what comes from outside', () => {
    const evil = `<img src=x onerror="alert('1')">&amp;`;
    const alert = {
      rule: evil,
      kind: evil,
      subject: evil,
      severity: 'warning' as const,
      status: 'firing' as const,
      startsAt: at(0),
      endsAt: null,
      summary: evil,
      advice: evil,
      runbook: 'javascript:alert(1)',
      count: 1,
      fingerprint: 'f',
    };
    const { html } = mailOf(plainNotification({ cluster: evil, headline: evil, alerts: [alert] }));
    expect(html).not.toContain('<img');
    expect(html).not.toContain('javascript:');
    expect(html).toContain('&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;amp;');
  });

  it('fetch nothing and run nothing', async () => {
    const { html } = mailOf(told(await replayedIncident('split-brain')));
    expect(html).not.toMatch(/<(img|script|link|iframe|object|form)|url\(|@import|src=/i);
    const links = [...html.matchAll(/href="([^"]+)"/g)].map(([, url = '']) => new URL(url).host);
    expect([...new Set(links)].sort()).toEqual(['grafana.example.com', 'wiki.example.com']);
  });

  it('stay small in a storm, and say what they leave out', async () => {
    const incident = await replayedIncident('failover');
    const many = Array.from({ length: 5_000 }, (_, i) => ({
      seq: i + 1,
      incident: 1,
      event: event(i, { severity: 'warning', kind: 'overlap', summary: `overlap ${i}` }),
    }));
    const { html, text } = mailOf(told({ ...incident, events: many, lastAt: at(6_000) }, { heldBack: 42 }));
    expect(html.length).toBeLessThan(60_000);
    expect(text).toContain('… 4970 more events …');
    expect(text).toContain('42 messages to this receiver were held back');
  });
});

describe('the strip of holders', () => {
  const strip = (events: Parameters<typeof holdingsOf>[0], until: number, over = false) =>
    holdingsOf(events, at(0), at(until), over).map(({ stretches }) =>
      stretches.map(({ state, holders, from, until: to }) => {
        const seconds = (time: number) => Math.round((time - at(0)) / 100_000) / 10;
        return `${state} ${holders.join('+')} ${seconds(from)}..${seconds(to)}`;
      }),
    );
  const failover = (seconds: number, from: string, to: string, silenceMs: number | null, cause = 'silence') =>
    event(seconds, { details: { from, to, cause, silenceMs, vips: ['10.0.0.100'] } });

  it('shows the silence before a failover as nobody’s, and of a preemption none', () => {
    const events = [failover(10, 'A', 'B', 3_600), failover(20, 'B', 'A', 900, 'preemption')];
    expect(strip(events, 30)).toEqual([
      ['held A -6..6.4', 'nobody  6.4..10', 'held B 10..20', 'held A 20..30'],
    ]);
  });

  it('shows a split-brain until its survivor goes on', () => {
    const both = begin(5, { details: { winner: 'A', loser: 'B', vips: ['10.0.0.100'] } });
    const seen = event(0, { kind: 'master-seen', details: { master: 'A', vips: ['10.0.0.100'] } });
    expect(strip([seen, both], 7)).toEqual([['held A 0..5', 'two A+B 5..7']]);
    const over = end(both, 9, { details: { survivor: 'A' } });
    expect(strip([seen, both, over], 9, true)).toEqual([['held A 0..5', 'two A+B 5..9', 'held A 9..11']]);
  });

  it('is bounded, and its cells add up to the whole width', () => {
    const events = Array.from({ length: 200 }, (_, i) =>
      failover(i * 2, i % 2 ? 'B' : 'A', i % 2 ? 'A' : 'B', null),
    );
    const [holding] = holdingsOf(events, at(0), at(400), false);
    expect(holding?.stretches).toHaveLength(24);
    const widths = widthsOf(holding?.stretches ?? []);
    expect(widths.reduce((sum, each) => sum + each, 0)).toBe(100);
    expect(Math.min(...widths)).toBeGreaterThan(0);
  });
});
