/** What `doctor` says of each configured HAProxy and service, on servers of loopback. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createWebServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import { askedChecks } from '../../src/cli/doctor-asked.ts';
import { parseConfiguration } from '../../src/config/read.ts';

const folder = mkdtempSync(join(tmpdir(), 'vipwatch-asked-'));
afterAll(() => rmSync(folder, { recursive: true }));
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const sample = (file: string) =>
  readFileSync(new URL(`../poll/samples/haproxy/${file}`, import.meta.url), 'utf8');

const checked = async (text: string, asRoot = false) =>
  (await askedChecks(parseConfiguration(text, join(folder, 'v.yaml'), {}), asRoot)).map(
    ({ state, what, advice }) => `${state} ${what}${advice === null ? '' : ` -> ${advice}`}`,
  );

const withProxy = (proxy: string) =>
  `cluster: web\nnodes: [{name: a, addresses: [127.0.0.1], haproxy: [${proxy}]}]\n`;
const withService = (probe: string, more = '') =>
  `cluster: web\nnodes: [{name: a, addresses: [127.0.0.2]}]\nvirtualRouters: [{vrid: 51, vips: [127.0.0.1], service: {probe: "${probe}"${more}}}]\n`;

async function port(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const free = await port(server);
  await new Promise((resolve) => server.close(resolve));
  return free;
}

it('a statistics page that answers is ok, one that wants other credentials is not', async () => {
  const page = createWebServer((request, response) => {
    if (request.headers.authorization === undefined) response.writeHead(401).end();
    else response.end(sample('01_steady.http_status.csv'));
  });
  const at = `127.0.0.1:${await port(page)}/status`;
  const [well] = await checked(withProxy(`{url: "http://u:hunter2@${at}"}`));
  expect(well).toMatch(
    new RegExp(String.raw`^ok HAProxy on a \(http://${at}\) answers: \d+ backends?, \d+ servers?$`),
  );
  const [denied] = await checked(withProxy(`{url: "http://${at}"}`));
  expect(denied).toMatch(/^FAIL HAProxy on a .* -> compare user and password with `stats auth`/);
});

it('a socket says its release; that it was asked as root is said, too', async () => {
  const path = join(folder, 'admin.sock');
  const server = createServer((socket) => {
    socket.end(`${sample('01_steady.show_info.txt')}\n${sample('01_steady.show_stat.csv')}\n`);
  });
  servers.push(server);
  server.listen(path);
  await once(server, 'listening');
  const [asUser] = await checked(withProxy(`{url: "unix:${path}"}`));
  expect(asUser).toMatch(/^ok HAProxy on a \(unix:.*\) answers: \d+\.\d+\S* \d+ backends?, \d+ servers?$/);
  const [asRoot] = await checked(withProxy(`{url: "unix:${path}"}`), true);
  expect(asRoot).toContain('asked as root, which the daemon is not');
});

it('a HAProxy that is not there fails, unless it runs only where the VIP is', async () => {
  const url = `http://127.0.0.1:${await freePort()}/`;
  const [missing] = await checked(withProxy(`{url: "${url}"}`));
  expect(missing).toMatch(
    /^FAIL .* cannot be asked: connection refused.* -> start HAProxy on a, or compare the URL/,
  );
  const [off] = await checked(withProxy(`{url: "${url}", runs: on-holder}`));
  expect(off).toMatch(/^warn .* -> well so where the VIP is not/);
});

it('a service is asked through the VIP and at its nodes', async () => {
  const at = await port(createServer((socket) => socket.end()));
  const probe = `tcp://127.0.0.1:${at}`;
  const lines = await checked(withService(probe));
  expect(lines).toEqual([
    expect.stringMatching(new RegExp(`^ok service ${probe} answers in `)),
    expect.stringMatching(
      new RegExp(`^warn service ${probe} at a does not answer: .* -> start it on a; .* nodes: false$`),
    ),
  ]);
  const dead = await checked(withService(`tcp://127.0.0.1:${await freePort()}`, ', nodes: false'));
  expect(dead).toEqual([expect.stringMatching(/^FAIL service .* -> does anybody hold the VIP/)]);
});

it('nothing is asked where nothing is configured', async () => {
  expect(await checked('')).toEqual([]);
});
