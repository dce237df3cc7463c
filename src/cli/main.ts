#!/usr/bin/env node
/**
 * The command line: arguments and exit statuses, nothing else. Commands are loaded when they are called, so that
 * `--help` and `--version` cost nothing.
 *
 * Exit status: 0 done, 1 a fault of our own (`status`, `doctor`: something is not well), 2 a wrong command line,
 * configuration or file, or nobody to ask.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { RULE_KINDS } from '../alerts/rules.ts';
import { isEventKind } from '../control/event-parameters.ts';
import { type EventKind, KINDS } from '../events.ts';
import type { ExplainOptions } from './alerts-explain.ts';
import type { SilenceOptions } from './alerts-silence.ts';
import type { SimulateOptions } from './alerts-simulate.ts';
import type { ConfigInitOptions } from './config-init.ts';
import type { DashboardsExportOptions } from './dashboards-export.ts';
import type { DashboardsOptions } from './dashboards-push.ts';
import type { DecodeOptions } from './decode.ts';
import type { DemoOptions } from './demo.ts';
import type { DoctorOptions } from './doctor.ts';
import type { ObserveOptions } from './observe.ts';
import { Output, OutputClosed, UsageError } from './output.ts';
import { RECORD_WITH } from './record-with.ts';
import type { ReplayOptions } from './replay.ts';
import type { ReportOptions } from './report.ts';
import type { StatusOptions } from './status.ts';
import type { TimelineOptions } from './timeline.ts';

const output = new Output();

const program = new Command('vipwatch')
  .description(
    'Watches a LAN segment for keepalived (VRRP) failovers: who held the virtual IP, when and why it moved, and for how long it was dark.',
  )
  .version(versionOfPackage(), '-V, --version', 'print the version')
  .helpOption('-h, --help', 'print this help')
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'vipwatch: ')) })
  .showHelpAfterError('Try --help.')
  .addHelpText(
    'after',
    `
Examples:
  vipwatch replay segment.pcap                 the story of a recording
  vipwatch replay -c vipwatch.yaml a.pcap      the same with the names of your nodes
  vipwatch decode segment.pcap                 every advert and claim, one a line
  vipwatch status                              is everything fine?
  vipwatch timeline --since 2h                 what happened
  vipwatch report last                         the story of the last incident
  vipwatch doctor                              can it work here?

How to record one:
  ${RECORD_WITH}`,
  );

program
  .command('observe')
  .description('watch live: the timeline as it happens, durable in a journal')
  .option('-c, --config <file>', 'a vipwatch.yaml that names your nodes and virtual routers')
  .option(
    '-i, --interface <name>',
    'listen there (repeatable; default: the configuration, else every Ethernet interface that is up)',
    (name: string, names: readonly string[] = []) => [...names, name],
  )
  .option('--journal <file>', 'where the timeline is kept (default: /var/lib/vipwatch/journal.db)')
  .option('--socket <file>', 'where the commands reach it (default: /run/vipwatch/control.sock)')
  .option(
    '--no-join',
    'send nothing at all: do not join the VRRP groups, which some switches need to deliver adverts',
  )
  .option(
    '--user <name>',
    'started as root: the user to become (default: vipwatch, else who called sudo, else nobody)',
  )
  .addOption(
    new Option('-f, --format <format>', 'text for people and system logs, jsonl: one event a line')
      .choices(['text', 'jsonl'])
      .default('text'),
  )
  .option('--utc', 'times in UTC, not in local time')
  .addHelpText(
    'after',
    `
It listens only. Start it as root (it gives that up at once, and keeps CAP_NET_RAW for the process that captures),
or as a service: docs/install.md. SIGHUP reads the configuration again, SIGTERM and Ctrl-C end it.

Examples:
  sudo vipwatch observe                        every interface that is up, no configuration
  sudo vipwatch observe -i eth0 -i eth1
  sudo vipwatch observe -c /etc/vipwatch/vipwatch.yaml
  vipwatch status                              from another terminal
  vipwatch timeline --follow`,
  )
  .action(async (options: ObserveOptions) => {
    const { observe } = await import('./observe.ts');
    await observe(options, versionOfPackage());
  });

program
  .command('replay')
  .description('tell the story of recordings: who held each virtual IP, when and why it moved, what is wrong')
  .argument('<file...>', 'pcap or pcapng recordings, also gzipped; - is stdin; several are merged by time')
  .option('-c, --config <file>', 'a vipwatch.yaml that names your nodes and virtual routers')
  .addOption(
    new Option(
      '-f, --format <format>',
      'text for people, jsonl: one event a line, lp: InfluxDB line protocol',
    )
      .choices(['text', 'jsonl', 'lp'])
      .default('text'),
  )
  .option('--segment <name>', 'the name of the recorded segment (default: "replay")')
  .option('--utc', 'times in UTC, not in local time')
  .addOption(new Option('--relative', 'times in seconds since the first frame').conflicts('utc'))
  .addHelpText(
    'after',
    `
The timeline and a summary go to stdout, warnings and progress to stderr. A recording that is cut off
gives what it holds, and a warning. Exit status: 0, or 2 for a wrong option, configuration or file.

Examples:
  vipwatch replay segment.pcap
  vipwatch replay --relative --segment eth0 monday.pcap.gz tuesday.pcap.gz
  vipwatch replay --format jsonl segment.pcap | jq 'select(.kind == "failover")'
  vipwatch replay --format lp segment.pcap | influx write --bucket vipwatch
  ssh gateway tcpdump -U -i eth0 -c 1000 -w - 'ip proto 112 or arp' | vipwatch replay -`,
  )
  .action(async (files: string[], options: ReplayOptions) => {
    const { replay } = await import('./replay.ts');
    await replay(files, options, output);
  });

program
  .command('decode')
  .description('print the VRRP adverts and the ARP and neighbour claims of recordings, one a line')
  .argument('<file...>', 'pcap or pcapng recordings, also gzipped; - is stdin; several are merged by time')
  .addOption(
    new Option('-f, --format <format>', 'text for people, jsonl: one object a line')
      .choices(['text', 'jsonl'])
      .default('text'),
  )
  .option('--segment <name>', 'the name of the recorded segment (default: "replay")')
  .option('--utc', 'times in UTC, not in local time (text; jsonl is always UTC)')
  .addHelpText(
    'after',
    `
CARP, which shares VRRP's protocol number, is told apart. Frames of other protocols are left out.
What is odd about a frame stands in brackets at its end (text) or in "problems" (jsonl).

Examples:
  vipwatch decode segment.pcap | head
  vipwatch decode --format jsonl segment.pcap | jq 'select(.type == "advert" and .priority == 0)'`,
  )
  .action(async (files: string[], options: DecodeOptions) => {
    const { decode } = await import('./decode.ts');
    await decode(files, options, output);
  });

program
  .command('demo')
  .description(
    'let a real keepalived pair fail over before your eyes; where that is impossible, a recorded one',
  )
  .option('--recorded', 'the recorded one in any case')
  .option('--utc', 'times in UTC, not in local time')
  .addHelpText(
    'after',
    `
Builds a segment of network namespaces, which takes root, keepalived, iproute2, nftables and arping, and
removes it whatever happens. The machine's own interfaces and settings are not touched. Takes a minute.

Examples:
  sudo vipwatch demo
  vipwatch demo --recorded`,
  )
  .action(async (options: DemoOptions) => {
    const { demo } = await import('./demo.ts');
    await demo(options, output);
  });

const config = () => new Option('-c, --config <file>', 'a vipwatch.yaml');
const journal = () => new Option('--journal <file>', 'the journal to read');
const socket = () => new Option('--socket <path>', "the daemon's control socket");
const utc = () => new Option('--utc', 'times in UTC, not in local time');
const format = (...formats: readonly [string, ...string[]]) =>
  new Option('-f, --format <format>', 'how it is printed').choices(formats).default(formats[0]);

program
  .command('timeline')
  .description('what happened: out of the journal, or from the daemon')
  .option('--since <time>', 'from then on: 2h (ago), 10:30, yesterday, 2026-11-20, "2026-11-20 10:30"')
  .option('--until <time>', 'before then')
  .option('--kind <kinds>', 'only these kinds of event, separated by commas (docs/events.md)', eventKinds)
  .option('--subject <text>', 'only where a part of the subject is this: eth0, 51, 10.0.0.100; * for any')
  .option('--cluster <name>', 'only of this cluster')
  .addOption(
    new Option('--severity <severity>', 'only what is at least so bad').choices([
      'info',
      'warning',
      'critical',
    ]),
  )
  .option('--follow', 'go on with what happens from now (with --since: from then); ends with Ctrl-C')
  .addOption(format('text', 'jsonl', 'csv'))
  .addOption(utc())
  .addOption(config())
  .addOption(journal())
  .addOption(socket())
  .addHelpText(
    'after',
    `
Text is in order of time; jsonl and csv, and all with --follow, in the order in which things became known.
The journal is looked for in the configuration, $STATE_DIRECTORY, /var/lib/vipwatch, ~/.local/state/vipwatch.

Examples:
  vipwatch timeline --since 2h
  vipwatch timeline --since yesterday --until today --severity warning
  vipwatch timeline --kind failover,split-brain --format csv > failovers.csv
  vipwatch timeline --follow --subject 10.0.0.100`,
  )
  .action(async (options: TimelineOptions) => {
    const { timeline } = await import('./timeline.ts');
    await timeline(options, output);
  });

program
  .command('status')
  .description(
    'is everything fine? Every virtual router as it is now, what is open, and how the observer does',
  )
  .addOption(format('text', 'json'))
  .option('--watch', 'draw it anew every second, until Ctrl-C')
  .addOption(utc())
  .addOption(config())
  .addOption(socket())
  .addHelpText(
    'after',
    `
Exit status: 0 healthy (warnings may be open), 1 something critical is open or nothing can be seen, 2 no daemon.

Examples:
  vipwatch status
  vipwatch status --watch
  vipwatch status --format json | jq '.virtualRouters[] | {subject, state, master: .master.address}'`,
  )
  .action(async (options: StatusOptions) => {
    const { status } = await import('./status.ts');
    process.exitCode = await status(options, output);
  });

program
  .command('report')
  .description('the story of an incident: what, when, why, how long, what to check, and whether it is over')
  .argument('[incident]', 'its number, or last', 'last')
  .addOption(format('text', 'md', 'json'))
  .option('--list', 'the incidents that there are, latest first')
  .addOption(utc())
  .addOption(config())
  .addOption(journal())
  .addHelpText(
    'after',
    `
Examples:
  vipwatch report
  vipwatch report --list
  vipwatch report 17 --format md > incident-17.md`,
  )
  .action(async (incident: string, options: ReportOptions) => {
    const { report } = await import('./report.ts');
    await report(incident, options, output);
  });

program
  .command('doctor')
  .description('can vipwatch work here? One line a check, and what to do')
  .option('-i, --interface <name...>', 'the interfaces to look at')
  .addOption(config())
  .addOption(journal())
  .addOption(socket())
  .addHelpText(
    'after',
    `
Exit status: 0, or 1 where a check says FAIL.

Examples:
  vipwatch doctor
  vipwatch doctor -i eth0 -c vipwatch.yaml`,
  )
  .action(async (options: DoctorOptions) => {
    const { doctor } = await import('./doctor.ts');
    process.exitCode = await doctor(options, output);
  });

const configCommand = program.command('config').description('make a configuration, or check one');

configCommand
  .command('check')
  .description('print what a configuration means, or all that is wrong with it')
  .argument('<file>', 'a vipwatch.yaml')
  .addHelpText('after', '\nExamples:\n  vipwatch config check /etc/vipwatch/vipwatch.yaml')
  .action(async (file: string) => {
    const { configCheck } = await import('./config-check.ts');
    await configCheck(file, output);
  });

configCommand
  .command('init')
  .description('write a first configuration out of what was heard, with what there is left to fill in')
  .option('--out <file>', 'where to write it (default: print it)')
  .option('--force', 'take the place of a file that is there')
  .option('--pcap <file...>', 'out of recordings, not of what the daemon or the journal knows')
  .option('--segment <name>', 'with --pcap: what the recorded segment is called (default: "eth0")')
  .addOption(config())
  .addOption(journal())
  .addOption(socket())
  .addHelpText(
    'after',
    `
Examples:
  vipwatch config init --out vipwatch.yaml
  vipwatch config init --pcap segment.pcap --segment eth1`,
  )
  .action(async (options: ConfigInitOptions) => {
    const { configInit } = await import('./config-init.ts');
    await configInit(options, output);
  });

const alertsCommand = program
  .command('alerts')
  .description('who is told of what: check rules, explain them, try them, silence them');
const rules = () =>
  new Option('--rules <file>', "rules to use instead of the configuration's (repeatable)").argParser(
    (file: string, files: readonly string[] = []) => [...files, file],
  );

alertsCommand
  .command('check')
  .description('print who is told of each kind of event, or all that is wrong with the rules')
  .argument('<file>', 'a file of rules, or a vipwatch.yaml')
  .addHelpText('after', '\nExamples:\n  vipwatch alerts check /etc/vipwatch/alerts.yaml')
  .action(async (file: string) => {
    const { alertsCheck } = await import('./alerts-check.ts');
    await alertsCheck(file, output);
  });

alertsCommand
  .command('explain')
  .description('which rule takes it, who is told, when, and if not, why')
  .argument('<what>', "a kind of event, or an event's id or seq")
  .addOption(rules())
  .addOption(utc())
  .addOption(config())
  .addOption(journal())
  .addHelpText('after', '\nExamples:\n  vipwatch alerts explain split-brain\n  vipwatch alerts explain 1742')
  .action(async (what: string, options: ExplainOptions) => {
    const { alertsExplain } = await import('./alerts-explain.ts');
    await alertsExplain(what, options, output);
  });

alertsCommand
  .command('simulate')
  .description('which notifications the rules would have sent, when and why; nothing is sent')
  .option('--since <time>', 'out of the journal, from then on', '7d')
  .option('--pcap <file...>', 'out of recordings')
  .option('--segment <name>', 'with --pcap: what the recorded segment is called (default: "replay")')
  .addOption(rules())
  .addOption(format('text', 'jsonl'))
  .addOption(utc())
  .addOption(config())
  .addOption(journal())
  .addHelpText(
    'after',
    `
Examples:
  vipwatch alerts simulate --since 7d -c vipwatch.yaml
  vipwatch alerts simulate --pcap segment.pcap
  vipwatch alerts simulate --rules mine.yaml --since 30d --format jsonl | jq -r .headline`,
  )
  .action(async (options: SimulateOptions) => {
    const { alertsSimulate } = await import('./alerts-simulate.ts');
    await alertsSimulate(options, output);
  });

alertsCommand
  .command('silence')
  .description('keep quiet for a while about what matches; all-clears still come')
  .option('--cluster <name>', 'only of this cluster')
  .option('--kind <kinds>', 'only these kinds of event, separated by commas', ruleKinds)
  .option('--subject <text>', 'only where a part of the subject is this: 51, 10.0.0.100; * for any')
  .option('--for <duration>', 'how long: 30m, 2h, 3d', milliseconds)
  .option('--reason <text>', 'why')
  .option('--author <name>', 'who (default: you)')
  .option('--list', 'the silences that there are')
  .option('--expire <id>', 'end one now')
  .addOption(utc())
  .addOption(config())
  .addOption(socket())
  .addHelpText(
    'after',
    `
Examples:
  vipwatch alerts silence --cluster orders-db --for 2h --reason "new switch"
  vipwatch alerts silence --list
  vipwatch alerts silence --expire 3f9a1c`,
  )
  .action(async (options: SilenceOptions) => {
    const { alertsSilence } = await import('./alerts-silence.ts');
    await alertsSilence(options, output);
  });

alertsCommand
  .command('test')
  .description('send a marked test through each receiver, and say what happens at each step')
  .option('--to <name>', 'only through this receiver')
  .addOption(config())
  .addHelpText(
    'after',
    `
Exit status: 0 where each receiver took it, else 1.

Examples:
  vipwatch alerts test -c vipwatch.yaml
  vipwatch alerts test -c vipwatch.yaml --to email`,
  )
  .action(async ({ config: file, to }: { config?: string; to?: string }) => {
    const { configurationOf } = await import('./configuration.ts');
    const alerts = (await configurationOf(file, output))?.alerts ?? null;
    if (alerts === null)
      throw new UsageError('no receiver is configured: name a vipwatch.yaml with a section alerts (-c FILE)');
    const { deliverySettingsOf } = await import('../alerts/deliver/settings.ts');
    const { alertsTest } = await import('./alerts-test.ts');
    const settings = deliverySettingsOf(alerts, { host: hostname(), release: versionOfPackage() });
    process.exitCode = await alertsTest(settings, to === undefined ? {} : { to }, output);
  });

const dashboards = program
  .command('dashboards')
  .description('bring the dashboards to Grafana, or write them as files');

const DASHBOARDS_CONNECTION = `
Where Grafana is stands in the configuration (docs/grafana.md), or in the environment as GRAFANA_URL and
GRAFANA_TOKEN. A token never stands on the command line.`;

dashboards
  .command('push')
  .description('create or update data source, folder and dashboards; what a person changed in Grafana stays')
  .addOption(config())
  .option('--force', 'also over what a person changed')
  .addHelpText(
    'after',
    `${DASHBOARDS_CONNECTION}

Exit status: 0, 1 where something stays as a person changed it, 2 where Grafana cannot be asked or refuses.

Examples:
  vipwatch dashboards push -c vipwatch.yaml
  GRAFANA_URL=http://127.0.0.1:3000 GRAFANA_TOKEN="$(cat token)" vipwatch dashboards push`,
  )
  .action(async (options: DashboardsOptions) => {
    const { dashboardsPush } = await import('./dashboards-push.ts');
    process.exitCode = await dashboardsPush(options, output);
  });

dashboards
  .command('diff')
  .description('what push would do, and how what is in Grafana differs; changes nothing')
  .addOption(config())
  .addHelpText(
    'after',
    `${DASHBOARDS_CONNECTION}

Exit status: 0 no difference, 1 a difference, 2 where Grafana cannot be asked or refuses.

Examples:
  vipwatch dashboards diff -c vipwatch.yaml`,
  )
  .action(async (options: DashboardsOptions) => {
    const { dashboardsDiff } = await import('./dashboards-push.ts');
    process.exitCode = await dashboardsDiff(options, output);
  });

dashboards
  .command('export')
  .description("write the files of Grafana's file provisioning: dashboards, provider, data source")
  .argument('<dir>', 'a folder laid out as /etc/grafana/provisioning')
  .addOption(config())
  .addHelpText(
    'after',
    `
The files hold no secret: where one is needed they name INFLUX_PASSWORD or INFLUX_TOKEN of Grafana's environment.

Examples:
  sudo vipwatch dashboards export /etc/grafana/provisioning -c vipwatch.yaml`,
  )
  .action(async (dir: string, options: DashboardsExportOptions) => {
    const { dashboardsExport } = await import('./dashboards-export.ts');
    await dashboardsExport(dir, options, output);
  });

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = statusOf(error);
}

function statusOf(error: unknown): number {
  if (error instanceof OutputClosed) return 0;
  // Commander has said it already; help and version are no errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof UsageError) {
    output.remark(error.message);
    return 2;
  }
  output.remark(
    `this is a fault of vipwatch itself: ${error instanceof Error ? error.stack : String(error)}`,
  );
  return 1;
}

function eventKinds(text: string): readonly EventKind[] {
  const kinds = text.split(',').map((kind) => kind.trim());
  return kinds.map((kind) => {
    if (isEventKind(kind)) return kind;
    const near = Object.keys(KINDS).filter((each) => each.includes(kind) || kind.includes(each));
    const hint = kind === '' || near.length === 0 ? Object.keys(KINDS) : near;
    throw new InvalidArgumentError(`no kind is called "${kind}"; there is ${hint.join(', ')}`);
  });
}

function ruleKinds(text: string): readonly string[] {
  const kinds = text.split(',').map((kind) => kind.trim());
  const unknown = kinds.find((kind) => !RULE_KINDS.includes(kind));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`no kind is called "${unknown}" (docs/events.md)`);
  return kinds;
}

function milliseconds(text: string): number {
  const [, count, unit = ''] = /^(\d+(?:\.\d+)?)(s|m|h|d)$/.exec(text) ?? [];
  if (count === undefined) throw new InvalidArgumentError('expected a duration such as 30m, 2h, 3d');
  return Number(count) * ({ s: 1_000, m: 60_000, h: 3_600_000 }[unit] ?? 86_400_000);
}

function versionOfPackage(): string {
  const { version }: { version: string } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  );
  return version;
}
