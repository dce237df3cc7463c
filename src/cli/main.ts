#!/usr/bin/env node
/**
 * The command line: arguments and exit statuses, nothing else. Commands are loaded when they are called, so that
 * `--help` and `--version` cost nothing.
 *
 * Exit status: 0 done, 1 a fault of our own, 2 a wrong command line, configuration or file.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import type { DecodeOptions } from './decode.ts';
import type { DemoOptions } from './demo.ts';
import type { ObserveOptions } from './observe.ts';
import { Output, OutputClosed, UsageError } from './output.ts';
import { RECORD_WITH } from './record-with.ts';
import type { ReplayOptions } from './replay.ts';

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
    await observe(options, versionOfPackage(), output);
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

function versionOfPackage(): string {
  const { version }: { version: string } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  );
  return version;
}
