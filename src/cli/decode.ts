/** `vipwatch decode`: what each advert and claim says, one a line, in the order of the file. */
import type { Segment } from '../observation.ts';
import { type Instant, isoTime } from '../time.ts';
import type { Advert, Carp, Claim, Frame } from '../wire/packet.ts';
import type { Output } from './output.ts';
import { countsText, read } from './recording.ts';
import { LOCAL, UTC } from './terminal.ts';

export interface DecodeOptions {
  readonly format: 'text' | 'jsonl';
  readonly segment?: string;
  readonly utc?: boolean;
}

export async function decode(
  files: readonly string[],
  options: DecodeOptions,
  output: Output,
): Promise<void> {
  const clock = options.utc === true ? UTC : LOCAL;
  const lineOf =
    options.format === 'jsonl'
      ? frameJson
      : (at: Instant, segment: Segment, frame: Frame) =>
          frameText(clock.time(at) + microseconds(at), segment, frame);
  const result = await read(
    files,
    {
      ...(options.segment === undefined ? {} : { segment: options.segment }),
      onFrame(at, segment, frame) {
        const line = lineOf(at, segment, frame);
        if (line !== null) output.line(line);
      },
    },
    output,
  );
  output.flush();
  if (result.adverts + result.claims === 0) output.remark(`nothing to show: ${countsText(result)}`);
}

function microseconds(at: Instant): string {
  return String(at % 1_000).padStart(3, '0');
}

/** Null for frames that are neither VRRP, CARP nor a claim. */
export function frameJson(at: Instant, segment: Segment, { packet, ipId, vlans }: Frame): string | null {
  switch (packet.type) {
    case 'advert':
      return JSON.stringify({
        type: 'advert',
        time: isoTime(at),
        segment: segment.name,
        srcMac: packet.srcMac,
        src: packet.src,
        dst: packet.dst,
        ttl: packet.ttl,
        ipId,
        version: packet.version,
        vrid: packet.vrid,
        priority: packet.priority,
        intervalMs: packet.intervalMs,
        authType: packet.authType,
        vips: packet.vips,
        checksum: packet.checksum,
        problems: packet.problems,
        family: packet.family,
        ah: packet.ah,
        hmac: packet.hmac,
        valid: packet.valid,
        vlans,
      });
    case 'claim':
      return JSON.stringify({
        type: 'claim',
        time: isoTime(at),
        segment: segment.name,
        mac: packet.mac,
        address: packet.address,
        form: packet.form,
        srcMac: packet.srcMac,
        family: packet.family,
        gratuitous: packet.gratuitous,
        problems: packet.problems,
        vlans,
      });
    case 'carp':
      return JSON.stringify({
        type: 'carp',
        time: isoTime(at),
        segment: segment.name,
        srcMac: packet.srcMac,
        src: packet.src,
        vhid: packet.vhid,
        advSkew: packet.advSkew,
        problems: packet.problems,
        family: packet.family,
        vlans,
      });
    case 'address-talk':
    case 'other':
      return null;
    default:
      return packet satisfies never;
  }
}

export function frameText(time: string, segment: Segment, { packet, ipId }: Frame): string | null {
  const head = `${time}  ${segment.name}`;
  switch (packet.type) {
    case 'advert':
      return `${head}  ${advertText(packet, ipId)}`;
    case 'claim':
      return `${head}  ${claimText(packet)}`;
    case 'carp':
      return `${head}  ${carpText(packet)}`;
    default:
      return null;
  }
}

function advertText(advert: Advert, ipId: number | null): string {
  const facts = [
    `vrid ${advert.vrid}`,
    advert.priority === 0 ? 'prio 0 (gives up)' : `prio ${advert.priority}`,
    `every ${advert.intervalMs} ms`,
    ...(advert.ttl === 255 ? [] : [`ttl ${advert.ttl}`]),
    ...(ipId === null ? [] : [`id ${ipId}`]),
    ...(advert.authType === null || advert.authType === 0
      ? []
      : [`auth ${AUTH_TYPES[advert.authType] ?? advert.authType}`]),
    ...(advert.ah ? ['in AH'] : []),
    ...(advert.hmac ? ['with HMAC'] : []),
    ...(advert.checksum === 'ok' ? [] : [`checksum ${advert.checksum}`]),
    `addresses ${advert.vips.join(' ')}`,
  ];
  return `${advert.src} > ${advert.dst}: VRRPv${advert.version} ${facts.join(', ')}${problemsText(advert.problems)}`;
}

/** The type; the password is nobody's business. */
const AUTH_TYPES: Readonly<Record<number, string>> = { 1: 'simple', 2: 'AH' };

function claimText(claim: Claim): string {
  const sender = claim.srcMac === claim.mac ? '' : `, sent by ${claim.srcMac}`;
  const form = `${claim.gratuitous ? 'gratuitous ' : ''}${claim.form}`;
  return `${claim.address} is at ${claim.mac} (${form}${sender})${problemsText(claim.problems)}`;
}

function carpText(carp: Carp): string {
  return `CARP ${carp.src}: vhid ${carp.vhid}, advskew ${carp.advSkew}${problemsText(carp.problems)}`;
}

function problemsText(problems: readonly string[]): string {
  return problems.length === 0 ? '' : `  [${problems.join(', ')}]`;
}
