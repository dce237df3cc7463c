/** The set-up of `npm test`, `npm run demo` and `npm run bench`, on machines that are played by a few stubs. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'vipwatch-setup-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Nobody has this program, and the stub of dpkg-query knows of no package at all. */
const MISSING = 'vipwatch-needs-this';

function setUp(user: 'root' | 'somebody', args: readonly string[], environment = {}) {
  stub('id', `echo ${user === 'root' ? 0 : 1000}`);
  stub('dpkg-query', 'exit 1');
  stub('apt-get', `echo "$@" >>${folder}/apt-get.log`);
  const { status, stdout, stderr } = spawnSync(
    'sh',
    [join(root, 'scripts/setup.sh'), '--packages-only', ...args],
    {
      encoding: 'utf8',
      input: '',
      env: { PATH: `${folder}:${process.env.PATH}`, ...environment },
    },
  );
  return { status, stdout, stderr };
}

function stub(name: string, script: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
}

describe('set-up', () => {
  it('asks nothing and needs no root where nothing is missing', () => {
    expect(setUp('somebody', ['sh', 'cat'])).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('lists what is missing, and without root says the one line to run', () => {
    const { status, stderr } = setUp('somebody', ['--yes', 'sh', MISSING]);
    expect(status).toBe(2);
    expect(stderr).toContain(`Debian packages to be installed: ${MISSING}\n`);
    expect(stderr).toMatch(
      new RegExp(`^ {2}sudo sh .*/scripts/setup.sh --yes --packages-only ${MISSING}$`, 'm'),
    );
  });

  it('installs nothing unasked: with nobody to ask it says the one line to run', () => {
    const { status, stderr } = setUp('root', [MISSING]);
    expect(status).toBe(2);
    expect(stderr).toMatch(new RegExp(`^ {2}sh .*/scripts/setup.sh --yes --packages-only ${MISSING}$`, 'm'));
    expect(() => readFileSync(join(folder, 'apt-get.log'))).toThrow();
  });

  it('refuses options that it does not know', () => {
    expect(setUp('root', ['--force'])).toMatchObject({
      status: 2,
      stderr: 'scripts/setup.sh: unknown option --force\n',
    });
  });
});
