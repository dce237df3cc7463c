/**
 * The acts of the demo, one after the other on one segment: what is told live, with its times, and that a recording
 * of the same segment, replayed, tells the same.
 */
import { join } from 'node:path';
import { expect, inject } from 'vitest';
import { ACTS, SEGMENT, VIP, VRID } from '../../src/demo/acts.ts';
import { linesOfProcess } from '../../src/demo/lines.ts';
import { now } from '../../src/demo/node.ts';
import { run } from '../../src/demo/run.ts';
import { type Instant, MS } from '../../src/time.ts';
import { describeLive, live } from '../support/live.ts';
import { expectAt, timeOf } from '../support/live-observer.ts';

const VR = `vr:eth0/ipv4/${VRID}`;

describeLive('the acts of the demo', () => {
  live('are told as they happen', { ...SEGMENT, routers: [{ vrid: VRID, vips: [VIP] }] }, async (stage) => {
    const { lab, observer } = stage;
    const recording = join(lab.folder, 'segment.pcap');
    const tcpdump = lab.observer.spawn(['tcpdump', '-i', 'eth0', '--immediate-mode', '-U', '-w', recording]);
    await linesOfProcess('tcpdump', tcpdump).first((line) => (/listening on/.test(line) ? line : undefined), {
      what: 'tcpdump records',
      limitMs: 20_000,
    });
    const [lb1, lb2] = [lab.node('lb1'), lab.node('lb2')];
    const clients = await lab.startClient(VIP);
    await Promise.all([lb1.startService(), lb2.startService()]);
    const play = async (index: number): Promise<Instant> => {
      const at = now();
      await ACTS[index]?.play({ lb1, lb2, clients });
      return at;
    };

    let at = await play(0);
    const seen = await observer.event({ kind: 'master-seen', subject: VR, details: { master: lb1.address } });
    expectAt(seen, await lb1.becomes('MASTER', { after: at }));

    at = await play(1);
    const graceful = await observer.event({ kind: 'failover', subject: VR });
    expect(graceful.details).toMatchObject({ from: lb1.address, to: lb2.address, cause: 'graceful' });
    expectAt(graceful, await lb2.becomes('MASTER', { after: at }));

    at = await play(2);
    const preemption = await observer.event({ kind: 'failover', subject: VR });
    expect(preemption.details).toMatchObject({ from: lb2.address, to: lb1.address, cause: 'preemption' });
    expectAt(preemption, await lb1.becomes('MASTER', { after: at }));

    at = await play(3);
    const crash = await observer.event({ kind: 'failover', subject: VR });
    expect(crash.details).toMatchObject({ from: lb1.address, to: lb2.address, cause: 'silence' });
    expectAt(crash, await lb2.becomes('MASTER', { after: at }));
    await clients.answeredBy('lb2', at);
    const felt = clients.blackouts.at(-1);
    const feltMs = ((felt?.to ?? at) - (felt?.from ?? at)) / MS;
    const [least, most] = crash.details.darkMs as [number, number];
    // Measured to 50 ms, and the client's own kernel has to learn of the move.
    expect(feltMs).toBeGreaterThan(least - 100);
    expect(feltMs).toBeLessThan(most + 1_000);

    at = await play(4);
    await observer.event({
      kind: 'failover',
      subject: VR,
      details: { to: lb1.address, cause: 'preemption' },
    });
    // Four within five minutes: it is.
    await observer.event({ kind: 'flapping', phase: 'begin', subject: VR });

    at = await play(5);
    const split = await observer.event({ kind: 'split-brain', phase: 'begin', subject: VR });
    expect(split.details).toMatchObject({ winner: lb1.address, loser: lb2.address, reason: 'deaf' });
    expectAt(split, await lb2.becomes('MASTER', { after: at }));

    at = await play(6);
    const whole = await observer.event({ kind: 'split-brain', phase: 'end', subject: VR });
    expect(whole).toMatchObject({ beginId: split.id, details: { survivor: lb1.address } });
    // The last word of the loser; it has stopped at the next advert of the other.
    const yielded = await lb2.becomes('BACKUP', { after: at });
    expect(Math.abs(timeOf(whole) - yielded.at)).toBeLessThan(2_000 * MS);
    const stale = await observer.event({ kind: 'garp-missing', phase: 'begin', subject: `vip:eth0/${VIP}` });
    expect(stale.details).toMatchObject({ holder: lb1.address, lastClaimMac: lb2.host.mac });

    await play(7);
    const fresh = await observer.event({ kind: 'garp-missing', phase: 'end', subject: `vip:eth0/${VIP}` });
    expect(fresh.beginId).toBe(stale.id);
    await observer.nothingElse();

    const incident = await observer.ask(['report', 'last']);
    expect(incident).toContain('split-brain');

    tcpdump.kill('SIGINT');
    const [program = '', ...words] = inject('live').installation.command;
    const configuration = join(lab.folder, 'vipwatch.yaml');
    const replayed = await run(program, [
      ...[...words, 'replay', '--segment', 'eth0', '-c', configuration, '--format', 'jsonl'],
      recording,
    ]);
    const told = (lines: readonly { kind: string; phase: string; subject: string; time: string }[]) =>
      lines
        .filter(({ subject }) => !subject.startsWith('observer:'))
        .map(({ kind, phase, subject, time }) => `${time.slice(0, 22)} ${kind} ${phase} ${subject}`);
    expect(
      told(
        replayed
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line)),
      ),
    ).toEqual(told(observer.events));
  });
});
