/** Each documented answer of InfluxDB 1, 2 and 3 to a write, and what it means for the points. */
import { describe, expect, it } from 'vitest';
import { type Verdict, verdictOf } from '../../src/sinks/influx-answer.ts';

const TARGET = {
  url: 'http://influx:8086',
  database: 'vipwatch',
  org: 'ops',
  user: 'writer',
  retentionPolicy: null,
};

function verdict(version: 1 | 2 | 3, status: number, body = '', retryAfter: string | null = null): Verdict {
  return verdictOf({ status, body, retryAfter }, { ...TARGET, version }, 10);
}

describe('InfluxDB 1', () => {
  it.each([
    ["partial write: unable to parse 'x': missing fields dropped=0", 1],
    [
      "partial write: unable to parse 'x': missing fields\nunable to parse 'y y': invalid field format dropped=0",
      2,
    ],
    [
      'partial write: field type conflict: input field "v" on measurement "m" is type float, already exists as type integer dropped=3',
      3,
    ],
    ['partial write: points beyond retention policy dropped=7', 7],
    [
      'partial write: max-values-per-tag limit exceeded (100000/100000): measurement="m" tag="t" value="x" dropped=1',
      1,
    ],
  ])('stored the rest of the batch: 400 %s', (error, refused) => {
    expect(verdict(1, 400, JSON.stringify({ error }))).toMatchObject({ kind: 'partly', refused });
  });

  it('stored nothing, and never will, where no line could be parsed', () => {
    expect(verdict(1, 400, '{"error":"unable to parse \'x\': missing fields"}')).toMatchObject({
      kind: 'partly',
      refused: 10,
    });
  });

  it.each([
    [401, '{"error":"unable to parse authentication credentials"}', 'check influx.user and influx.password'],
    [401, '{"error":"authorization failed"}', 'check influx.user and influx.password'],
    [
      403,
      '{"error":"\\"writer\\" user is not authorized to write to database \\"vipwatch\\""}',
      'GRANT WRITE ON "vipwatch" TO "writer"',
    ],
    [404, '404 page not found\n', 'check influx.url and influx.version (1; is it 2 or 3?)'],
    [307, '', 'a redirection'],
  ])('waits for a person, and says what to do: %i %s', (status, body, advice) => {
    const known = verdict(1, status, body);
    expect(known).toMatchObject({ kind: 'later', needsPerson: true });
    expect(known.kind === 'later' && known.reason).toContain(advice);
  });

  it('has its database and its retention policy made where they are missing', () => {
    expect(verdict(1, 404, '{"error":"database not found: \\"vipwatch\\""}')).toMatchObject({
      kind: 'later',
      missing: 'database',
    });
    expect(verdict(1, 500, '{"error":"retention policy not found: long"}')).toMatchObject({
      kind: 'later',
      missing: 'retention policy',
    });
  });
});

describe('InfluxDB 2', () => {
  it('refused all of a batch for a line that it cannot parse: halves will tell which', () => {
    const body = '{"code":"invalid","message":"unable to parse \'x\': missing fields"}';
    expect(verdict(2, 400, body)).toMatchObject({ kind: 'halve', isCertain: true });
  });

  it.each(['field type conflict: input field "v"', 'points beyond retention policy'])(
    'stored the rest: 422 %s',
    (why) => {
      const message = `failure writing points to database: partial write: ${why} dropped=2`;
      expect(verdict(2, 422, JSON.stringify({ code: 'unprocessable entity', message }))).toMatchObject({
        kind: 'partly',
        refused: 2,
      });
    },
  );

  it.each([
    [401, '{"code":"unauthorized","message":"unauthorized access"}', 'check influx.token'],
    [
      403,
      '{"code":"forbidden","message":"insufficient permissions for write"}',
      'the token needs permission',
    ],
    [
      404,
      '{"code":"not found","message":"bucket \\"vipwatch\\" not found"}',
      'influx.bucket (vipwatch) and influx.org (ops)',
    ],
  ])('waits for a person, and says what to do: %i %s', (status, body, advice) => {
    const known = verdict(2, status, body);
    expect(known).toMatchObject({ kind: 'later', needsPerson: true });
    expect(known.kind === 'later' && known.reason).toContain(advice);
  });
});

describe('InfluxDB 3', () => {
  it('stored the good lines and lists the others', () => {
    const body = JSON.stringify({
      error: 'partial write of line protocol occurred',
      data: [
        { error_message: 'invalid column type for column v', line_number: 2, original_line: 'm v="x"' },
        { error_message: 'No fields were provided', line_number: 4, original_line: 'm' },
      ],
    });
    expect(verdict(3, 400, body)).toMatchObject({ kind: 'partly', refused: 2 });
    expect(JSON.stringify(verdict(3, 400, body))).toContain('invalid column type for column v');
  });

  it('at a limit refuses what would pass it: 422', () => {
    expect(verdict(3, 422, '{"error":"would exceed the limit of 4000 tables"}')).toMatchObject({
      kind: 'halve',
      isCertain: false,
    });
  });

  it('says nothing with a 403', () => {
    expect(verdict(3, 403)).toMatchObject({ kind: 'later', needsPerson: true });
  });
});

describe.each([1, 2, 3] as const)('every version (%i)', (version) => {
  it('took it: 204', () => {
    expect(verdict(version, 204)).toEqual({ kind: 'done' });
  });

  it('took nothing where a page is the answer, whatever the status', () => {
    for (const status of [200, 400, 404, 502]) {
      const known = verdict(version, status, '<!DOCTYPE html><title>Sign in</title>');
      expect(known.kind).toBe('later');
      expect(JSON.stringify(known)).not.toContain('<');
    }
  });

  it('finds it too large: 413', () => {
    expect(verdict(version, 413, '{"error":"Request Entity Too Large"}')).toMatchObject({
      kind: 'halve',
      isTooLarge: true,
      isCertain: false,
    });
  });

  it.each([
    [429, '7', 7_000],
    [503, ' 0 ', 0],
    [503, null, null],
    [503, 'Fri, 20 Nov 2026 10:00:00 GMT', null],
    [429, '-1', null],
    [429, '999999', 300_000],
  ])('is busy: %i, Retry-After %s', (status, retryAfter, afterMs) => {
    expect(verdict(version, status, 'busy', retryAfter)).toMatchObject({
      kind: 'later',
      needsPerson: false,
      afterMs,
    });
  });

  it('is quoted in one line without control characters, and not at any length', () => {
    const known = verdict(version, 500, `\u001b[31mbad\nthing ${'x'.repeat(5_000)}`);
    expect(known.kind === 'later' && known.reason).toMatch(/^500 \[31mbad thing x{380,400}…$/);
  });
});
