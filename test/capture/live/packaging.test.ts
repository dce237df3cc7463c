/** The unit, as systemd itself judges it, and as docs/install.md says. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const root = new URL('../../..', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'vipwatch-unit-'));
const unit = join(folder, 'vipwatch.service');
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(spawnSync('systemd-analyze', ['--version']).status !== 0)('the systemd unit', () => {
  // The command that it starts has to exist where it is verified.
  const text = readFileSync(join(root, 'packaging/vipwatch.service'), 'utf8');
  writeFileSync(unit, text.replace('/usr/local/bin/vipwatch', join(root, 'bin/vipwatch.js')));

  it('is verified by systemd-analyze without a word', () => {
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
    expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: '' });
  });

  it('is as exposed as docs/install.md says, or less', () => {
    const { stdout } = spawnSync('systemd-analyze', ['security', '--offline=true', unit], {
      encoding: 'utf8',
    });
    const score = Number(/Overall exposure level.*: ([\d.]+)/.exec(stdout)?.[1]);
    const stated = Number(
      /scores it ([\d.]+)/.exec(readFileSync(join(root, 'docs/install.md'), 'utf8'))?.[1],
    );
    expect(score).toBeGreaterThan(0);
    expect(score).toBeLessThanOrEqual(stated);
  });
});
