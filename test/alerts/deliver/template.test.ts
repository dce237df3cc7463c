/** Templates: filled in so that the JSON stays what it was, and refused with the place of each mistake. */
import { describe, expect, it } from 'vitest';
import { messageData } from '../../../src/alerts/deliver/message-data.ts';
import { bounded, fill, parseTemplate, TemplateError } from '../../../src/alerts/deliver/template.ts';
import { CONTEXT, plainNotification, replayedIncident, told } from '../../support/sample-notifications.ts';

describe('filling in', () => {
  const data = { text: 'a "b"\n{{id}} \\', number: 7, list: [1, 'x'], none: null, within: { name: 'n' } };

  it('keeps types, inserts text as text, and leaves out what is not there', () => {
    expect(
      fill(
        {
          text: '{{text}}',
          mixed: '<{{ text }}|{{number}}|{{none}}|{{within.name}}|{{list}}>',
          number: '{{number}}',
          list: ['{{list}}', '{{none}}'],
          none: '{{none}}',
          null: null,
          missing: '{{within.other}}',
          short: '{{text|4}}',
        },
        data,
      ),
    ).toEqual({
      text: 'a "b"\n{{id}} \\',
      mixed: '<a "b"\n{{id}} \\|7||n|[1,"x"]>',
      number: 7,
      list: [[1, 'x'], null],
      null: null,
      short: 'a…',
    });
  });

  it('reaches nothing but the data', () => {
    expect(fill({ a: '{{constructor}}', b: '{{text.length}}', c: '{{__proto__}}' }, data)).toEqual({});
  });

  it('never cuts a character in two', () => {
    for (let most = 3; most < 20; most++) {
      const cut = bounded('虚拟地址😀ab', most);
      expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(most);
      expect(cut).not.toContain('\ufffd');
    }
  });
});

describe('a template', () => {
  it('may name every value that there is', async () => {
    const signature = { timestamp: '1', value: 'x' };
    for (const notification of [plainNotification(), told(await replayedIncident('split-brain'))]) {
      const data = { ...messageData(notification, CONTEXT), signature };
      const paths = Object.entries(data).flatMap(([name, value]) =>
        value !== null && typeof value === 'object' && !Array.isArray(value)
          ? Object.keys(value).map((inner) => `${name}.${inner}`)
          : [name],
      );
      const body = Object.fromEntries(paths.map((path) => [path, `{{${path}}}`]));
      expect(() => parseTemplate(JSON.stringify({ body }))).not.toThrow();
    }
  });

  it('is refused with all of its mistakes, and where they are', () => {
    const text = JSON.stringify({
      body: { a: ['{{headlin}}', '{{incident.cause}}', '{{event.colour}}'], b: '{{ bro ken }}' },
      query: { sign: 3 },
      sign: 'rot13',
      header: {},
    });
    const message = messageOf(() => parseTemplate(text));
    expect(message.split('\n').map((line) => line.split(':')[0])).toEqual([
      'header',
      'query',
      'sign',
      'body.a[0]',
      'body.a[2]',
      'body.b',
    ]);
    expect(message).toContain('event.summary');
    expect(messageOf(() => parseTemplate('{'))).toContain('not JSON');
    expect(messageOf(() => parseTemplate('{}'))).toContain('body: is missing');
  });
});

function messageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof TemplateError) return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
}
