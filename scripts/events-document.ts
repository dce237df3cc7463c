/** docs/events.md, from the union of events. `npm run docs` writes it; a test compares. */
import { DETAILS, KINDS } from '../src/events.ts';

export function eventsDocument(): string {
  return `# Events

Written by \`npm run docs\` from \`src/events.ts\`; do not edit.

One event is one line of the timeline, and with \`--format jsonl\` one JSON object:

| key | meaning |
| --- | --- |
| \`seq\` | 1, 2, 3 … in the order in which events became known |
| \`id\` | unique; a replay of the same input gives the same ids |
| \`time\` | when it happened, UTC, microseconds; may lie before earlier lines |
| \`detectedAt\` | when it was known; never decreases |
| \`kind\` | one of those below |
| \`phase\` | \`instant\`, or a condition's \`begin\` or \`end\` |
| \`severity\` | \`info\`, \`warning\` or \`critical\`; what concerns no configured virtual router is \`info\` where some are configured |
| \`cluster\` | the configured cluster; null where it is nobody's |
| \`subject\` | what it is about |
| \`summary\` | the event in one sentence |
| \`details\` | what belongs to the kind, see below |
| \`beginId\` | an \`end\`: the id of its \`begin\` |
| \`about\` | the id of an older event that this one adds to |

An event never changes. An \`end\` repeats the details of its \`begin\`, with \`durationMs\` and what is known only then.
Beside an address or MAC of a node that the configuration names stands its node: \`to\`, \`toNode\`.

## Kinds

${Object.entries(KINDS).map(kindSection).join('\n\n')}

## Details

A name has one meaning and one type in all kinds.

| name | type | meaning |
| --- | --- | --- |
${Object.entries(DETAILS)
  .map(([name, { type, meaning }]) => `| \`${name}\` | ${type} | ${meaning} |`)
  .join('\n')}
`;
}

type AnyKind = (typeof KINDS)[keyof typeof KINDS];

function kindSection([name, kind]: [string, AnyKind]): string {
  const optional = kind.optional.length === 0 ? '' : `; where known: ${codes(kind.optional)}`;
  return `### ${name}

${kind.phases === 'instant' ? 'Instant' : 'Begins and ends'}, ${kind.severity}, subject \`${kind.subject}\`.
${kind.when}

Details: ${codes(kind.details)}${optional}.`;
}

function codes(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ');
}
