/** The gist of an incident, from what the observer really tells of a story. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { instantFromUs, SECOND } from '../../src/time.ts';
import { IncidentFold } from '../../src/timeline/incidents.ts';
import { type Report, reportOf } from '../../src/timeline/report.ts';
import { scenarioEvents } from '../support/scenario.ts';

/** The report of a scenario's first incident; `known`: as far as it was known then. */
function report(scenario: string, known = Number.POSITIVE_INFINITY): Report {
  const fold = new IncidentFold();
  const members = new Map<number, number>();
  const told = scenarioEvents(scenario).filter((event) => event.detectedAt <= known * SECOND);
  for (const [seq, event] of told.entries())
    for (const member of fold.take(event, seq)?.seqs ?? []) members.set(member, 1);
  const events = told.flatMap((event, seq) => (members.has(seq) ? [{ seq, event, incident: 1 }] : []));
  const began = events[0]?.event.time ?? instantFromUs(0);
  const until = instantFromUs((Number.isFinite(known) ? known : 100) * SECOND);
  return reportOf({ id: 1, cluster: 'web', began, severity: 'critical', ended: null }, events, until);
}

function story(name: string): string {
  return readFileSync(join(import.meta.dirname, '../observer/scenarios', `${name}.txt`), 'utf8');
}

describe('the gist', () => {
  it('says that the holder lives and its service is dead, not only that nobody answers', () => {
    const { gist, darkMs, darkMeasured } = report(story('service-dead-on-holder'));
    expect(gist).toBe(
      "host-a holds the VIP and keepalived is alive there, but its service is dead (http://10.0.0.100/): refused; host-b's answers, so keepalived should have failed over; clients were in the dark for 5 s (measured).",
    );
    expect({ darkMs, darkMeasured }).toEqual({ darkMs: [5_000, 5_000], darkMeasured: true });
  });

  it('says how long it is dark so far', () => {
    expect(report(story('service-dead-on-holder'), 14).gist).toMatch(
      /; clients have been in the dark for 3\.75 s so far \(measured\)\.$/,
    );
  });

  it('does not speak of darkness that has hardly begun', () => {
    expect(report(story('service-dark-in-a-graceful-failover'), 10.5).gist).toBe(
      'The service does not answer (http://10.0.0.100/): refused.',
    );
  });

  it('tells of a failover with the time that a probe measured, not with what adverts allow', () => {
    const { gist, summary } = report(story('service-dark-while-a-node-dies'));
    expect(gist).toBe(
      '10.0.0.100 moved from host-a to host-b after 3.6 s of silence; clients were in the dark for 3.6 s (measured).',
    );
    expect(summary.virtualRouters).toMatchObject([
      { darkMs: [3_600, 3_600], longestDarkMs: [3_600, 3_600], darkMeasured: true },
    ]);
  });

  it('has the range of the adverts where nothing was measured', () => {
    const crash = `
      configured
      adverts a 0..10 priority=100
      claim a 0.0002
      adverts b 13.6..20 priority=90
      claim b 13.6003
      ----
    `.replaceAll(/^ +/gm, '');
    const { gist, darkMeasured } = report(crash);
    expect(gist).toMatch(/; clients were in the dark for 2\.6 s to 3\.6 s\.$/);
    expect(darkMeasured).toBe(false);
  });
});
