/**
 * Polling HAProxy: what a page of 10,000 servers costs us, beside what it costs Debian's prometheus-haproxy-exporter,
 * and whether 200 targets keep their intervals while 20 of them hang. False: a target was missed.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ProxyTarget } from '../src/poll/settings.ts';
import { freePort, isInstalled } from '../test/support/servers.ts';
import { Figures } from './figures.ts';
import { cpuOf } from './measure.ts';
import { intervalFigures, polling } from './polling.ts';

const SERVER = fileURLToPath(new URL('./poll-server.js', import.meta.url));
const SAMPLE = new URL('../../../../test/poll/samples/haproxy/01_steady.http_status.csv', import.meta.url);
const EXPORTER = 'prometheus-haproxy-exporter';

const SERVERS = 10_000;
const TARGETS = 200;
const HANGING = 20;
const EVERY_MS = 2_000;

export async function poll(isQuick: boolean): Promise<boolean> {
  const figures = new Figures(!isQuick);
  const folder = mkdtempSync(join(tmpdir(), 'vipwatch-bench-'));
  const servers: ChildProcess[] = [];
  try {
    const sample = readFileSync(SAMPLE, 'utf8');
    const large = await serve(servers, join(folder, 'large.csv'), largePage(sample));
    const small = await serve(servers, join(folder, 'small.csv'), sample);
    await largePageFigures(figures, large, isQuick ? 3 : 20);
    await manyTargetsFigures(figures, small, isQuick ? 3 : 15);
    return !figures.missed;
  } finally {
    for (const server of servers) server.disconnect();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function largePageFigures(figures: Figures, port: number, polls: number): Promise<void> {
  const url = `http://127.0.0.1:${port}/status`;
  figures.title(`One page of ${SERVERS} servers, fetched and understood ${polls} times`);
  const ours = await polling({ proxies: [targetAt(url, 0, 100)] }, { warmUp: 2, polls });
  const cpuMs = (ours.cpuS * 1_000) / polls;
  figures.mustBe('rows understood', `${ours.rows}`, `${SERVERS}`, ours.rows === SERVERS);
  figures.figure('vipwatch, processor time of a poll', `${cpuMs.toFixed(0)} ms`);
  figures.figure('vipwatch, peak memory', `${ours.peakMb.toFixed(0)} MB`);
  if (!isInstalled(EXPORTER)) {
    console.log(`  The exporter's figures are SKIPPED: no ${EXPORTER} (apt-get install ${EXPORTER})`);
    return;
  }
  const theirs = await exporterMs(`${url};csv`, polls);
  const ratio = cpuMs / theirs;
  figures.figure('the exporter, processor time of a scrape', `${theirs.toFixed(0)} ms`);
  figures.figure('vipwatch / exporter', ratio.toFixed(3), '<= 0.2', ratio <= 0.2);
}

async function manyTargetsFigures(figures: Figures, port: number, rounds: number): Promise<void> {
  const urls = Array.from(
    { length: TARGETS },
    (_, i) => `http://127.0.0.1:${port}/${i < HANGING ? 'hang' : 'status'}`,
  );
  const answering = TARGETS - HANGING;
  figures.title(`${TARGETS} targets every ${EVERY_MS / 1_000} s, of which ${HANGING} hang, ${rounds} rounds`);
  const took = await polling(
    { proxies: urls.map((url, index) => targetAt(url, index, EVERY_MS)) },
    { warmUp: 2 * answering, polls: rounds * answering },
  );
  intervalFigures(figures, took, { everyMs: EVERY_MS, coreMax: 0.1 });
}

function targetAt(url: string, index: number, everyMs: number): ProxyTarget {
  return {
    cluster: 'bench',
    label: url,
    node: 'node',
    index,
    everyMs,
    timeoutMs: Math.max(2_000, everyMs),
    place: { kind: 'http', url, credentials: null, tls: { ca: null, insecure: false } },
  };
}

/** Of one scrape, after two that do not count. */
async function exporterMs(uri: string, scrapes: number): Promise<number> {
  const port = await freePort();
  const exporter = spawn(
    EXPORTER,
    [
      `--haproxy.scrape-uri=${uri}`,
      '--haproxy.timeout=60s',
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: 'ignore' },
  );
  try {
    const scrape = async () => {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      if (!text.includes('\nhaproxy_up 1')) throw new Error('the exporter could not read the page');
    };
    for (let tries = 0; !(await isUp(port)); tries++) {
      if (tries > 200) throw new Error('the exporter does not answer');
      await pause(50);
    }
    await scrape();
    await scrape();
    const before = cpuOf(exporter.pid);
    for (let i = 0; i < scrapes; i++) await scrape();
    return ((cpuOf(exporter.pid) - before) * 1_000) / scrapes;
  } finally {
    exporter.kill();
  }
}

async function isUp(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/`)).ok;
  } catch {
    return false;
  }
}

async function serve(servers: ChildProcess[], path: string, page: string): Promise<number> {
  writeFileSync(path, page);
  const server = fork(SERVER, [path]);
  servers.push(server);
  const [port] = (await once(server, 'message')) as [number];
  return port;
}

/** Of real rows under other names, ten servers a backend. */
function largePage(sample: string): string {
  const [header = '', ...lines] = sample.split('\n');
  const rows = lines.filter((line) => /^mysql,(up1|down1|drain1),/.test(line));
  const servers = Array.from({ length: SERVERS }, (_, i) => {
    const [, , ...cells] = (rows[i % rows.length] ?? '').split(',');
    return [`backend_${Math.floor(i / 10)}`, `server-${i}.example.com`, ...cells].join(',');
  });
  return `${[header, ...servers].join('\n')}\n`;
}
