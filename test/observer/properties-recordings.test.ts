/** Properties of the observer over recordings of real daemons; see properties.test.ts. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readRecordings } from '../../src/capture/recordings.ts';
import type { Observation } from '../../src/observation.ts';
import { plusUs, SECOND } from '../../src/time.ts';
import { type Material, PROPERTIES } from '../support/observer-properties.ts';
import { Random } from '../support/random.ts';

const folder = new URL('../recordings/', import.meta.url);
const names = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .sort();

const read = new Map<string, Promise<Material>>();

function materialOf(name: string): Promise<Material> {
  const known = read.get(name);
  if (known !== undefined) return known;
  const material = readMaterial(name);
  read.set(name, material);
  return material;
}

async function readMaterial(name: string): Promise<Material> {
  const observations: Observation[] = [];
  const path = new URL(`${name}/capture.pcap`, folder).pathname;
  const { lastAt } = await readRecordings([path], { onObservation: (o) => observations.push(o) });
  if (lastAt === null) throw new Error(`${name} holds no frame`);
  return { name, observations, end: plusUs(lastAt, 60 * SECOND) };
}

describe.each(PROPERTIES)('$name', ({ check }) => {
  it.each(names)('%s', async (name) => {
    expect(check(await materialOf(name), new Random(names.indexOf(name)).fork('property'))).toBeNull();
  });
});
