/** The built command against a fake of Grafana: what it says, its exit statuses, and where no token ever shows. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { FakeGrafana } from '../support/fake-grafana.ts';

const root = new URL('../..', import.meta.url).pathname;
const cli = join(root, 'dist/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'vipwatch-dashboards-'));
let fake: FakeGrafana;

beforeAll(() => {
  execFileSync('sh', [join(root, 'scripts/build.sh'), '--if-stale'], { stdio: 'inherit' });
}, 120_000);
beforeEach(async () => {
  fake = await FakeGrafana.start();
  writeFileSync(
    join(folder, 'vipwatch.yaml'),
    `grafana:\n  url: ${fake.url}\n  token: "\${TOKEN}"\n  datasource: {url: "http://127.0.0.1:8086"}\n`,
  );
});
afterEach(() => fake.stop());
afterAll(() => rmSync(folder, { recursive: true }));

interface Run {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function dashboards(args: readonly string[], environment: object = { TOKEN: 'glsa_admin' }): Promise<Run> {
  return new Promise((resolve) => {
    const options = { cwd: folder, env: { PATH: process.env.PATH, ...environment } };
    const child = execFile(process.execPath, [cli, 'dashboards', ...args], options, (_, stdout, stderr) =>
      resolve({ status: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

it('push says what it did, and a second time that there is nothing to do', async () => {
  expect(await dashboards(['push', '-c', 'vipwatch.yaml'])).toEqual({
    status: 0,
    stderr: '',
    stdout: `data source vipwatch: created
folder vipwatch: created
dashboard Failover timeline: created
dashboard Proxies and services: created
dashboard Replicas: created
dashboard Segment health: created
dashboard vipwatch itself: created
${fake.url}/d/vipwatch-timeline
`,
  });
  expect(await dashboards(['push', '-c', 'vipwatch.yaml'])).toEqual({
    status: 0,
    stderr: '',
    stdout: `data source vipwatch: unchanged
folder vipwatch: unchanged
dashboard Failover timeline: unchanged
dashboard Proxies and services: unchanged
dashboard Replicas: unchanged
dashboard Segment health: unchanged
dashboard vipwatch itself: unchanged
Nothing to do: all of it is there already.
`,
  });
});

it('what a person changed is shown and kept, until --force', async () => {
  await dashboards(['push', '-c', 'vipwatch.yaml']);
  fake.edit('vipwatch-self', (json) => Object.assign(json, { refresh: '5s\u001b[31m', weekStart: 'monday' }));
  const kept = await dashboards(['push', '-c', 'vipwatch.yaml']);
  expect(kept.status).toBe(1);
  expect(
    kept.stdout,
  ).toContain(`dashboard vipwatch itself: KEPT (it was changed in Grafana; --force overwrites that)
    refresh: "5s\\u001b[31m" in Grafana, "30s" here
    weekStart: "monday" in Grafana, nothing here
`);
  expect(await dashboards(['diff', '-c', 'vipwatch.yaml'])).toMatchObject({
    status: 1,
    stdout: expect.stringContaining('dashboard vipwatch itself: would be KEPT'),
  });
  expect(await dashboards(['push', '--force', '-c', 'vipwatch.yaml'])).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('dashboard vipwatch itself: updated\n'),
  });
  expect(await dashboards(['diff', '-c', 'vipwatch.yaml'])).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('No difference.'),
  });
});

it('without a configuration the environment says where, as far as a data source is there', async () => {
  fake.dataSources.set('vipwatch', { id: 1, uid: 'vipwatch', name: 'mine', type: 'influxdb' });
  const environment = { GRAFANA_URL: fake.url, GRAFANA_TOKEN: 'glsa_admin' };
  expect(await dashboards(['push'], environment)).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('data source mine: unchanged\nfolder vipwatch: created\n'),
  });
});

it.each([
  [['push'], {}, /which Grafana\? Say it with -c .* GRAFANA_URL and GRAFANA_TOKEN/],
  [['diff', '-c', 'vipwatch.yaml'], { TOKEN: 'glsa_wrong' }, /401: Unauthorized; check grafana\.token/],
  [['push'], { GRAFANA_URL: 'grafana' }, /environment:1: grafana\.url: .* does not fit/],
])('%j %j: exit status 2, and why', async (args, environment, said) => {
  const { status, stdout, stderr } = await dashboards(args, environment);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(said);
  expect(stderr).not.toMatch(/glsa_|\n {4}at /);
});

it('export writes what Grafana provisions itself with', async () => {
  const { status, stdout } = await dashboards(['export', 'provisioning', '-c', 'vipwatch.yaml']);
  expect(status).toBe(0);
  expect(stdout.trim().split('\n').sort()).toEqual(
    readdirSync(join(folder, 'provisioning'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
      .sort(),
  );
  expect(readFileSync(join(folder, 'provisioning/dashboards/vipwatch.yaml'), 'utf8')).toContain(
    `path: ${join(folder, 'provisioning/dashboards/vipwatch')}`,
  );
});
