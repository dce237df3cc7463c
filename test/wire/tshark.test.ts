/**
 * Every frame of every recording against tshark's own decode (tshark 4.0.17, `tshark.tsv`), field by field.
 *
 * Where tshark is wrong it stands in `KNOWN_WRONG` with the reason.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeFrame } from '../../src/wire/frame.ts';
import type { Advert, Claim, Frame } from '../../src/wire/packet.ts';
import { RECORDINGS, recordedFrames, recordingPath } from '../support/recordings.ts';

/** Fields that tshark gets wrong. */
const KNOWN_WRONG: readonly { recording: string; field: string; reason: string }[] = [
  {
    recording: 'k3_kd24_hmac',
    field: 'vrrp.checksum.status',
    reason: 'it takes the HMAC trailer, which no checksum covers, for part of the message',
  },
];

type Row = ReadonlyMap<string, string>;

describe.each(RECORDINGS)('%s', (name) => {
  const rows = tsharkRows(name);
  const frames = recordedFrames(name).map((recorded, i) => {
    const { bytes, linkType, originalLength } = recorded;
    return { number: i + 1, recorded, frame: decodeFrame(bytes, 0, bytes.length, linkType, originalLength) };
  });

  it('has the adverts that tshark sees, and no others', () => {
    for (const { number, frame } of frames) {
      const row = rows.get(number);
      const isAdvert = (row?.get('vrrp.version') ?? '') !== '';
      expect(frame.packet.type === 'advert', `frame ${number}`).toBe(isAdvert);
      if (row && frame.packet.type === 'advert') checkAdvert(name, row, frame, frame.packet);
    }
  });

  it('has the claims that tshark sees, and no others', () => {
    for (const { number, frame } of frames) {
      const row = rows.get(number);
      expect(frame.packet.type === 'claim', `frame ${number}`).toBe(row !== undefined && isClaim(row));
      if (row && frame.packet.type === 'claim') checkClaim(row, frame, frame.packet);
    }
  });

  it('has the times that tshark sees', () => {
    for (const { number, recorded } of frames) {
      const time = rows.get(number)?.get('frame.time_epoch');
      if (time === undefined) continue;
      const [seconds = '', fraction = ''] = time.split('.');
      expect(recorded.at).toBe(Number(seconds) * 1_000_000 + Number(fraction.slice(0, 6)));
    }
  });
});

function checkAdvert(recording: string, row: Row, frame: Frame, advert: Advert): void {
  const isWrong = (field: string) => KNOWN_WRONG.some((w) => w.recording === recording && w.field === field);
  const text = (field: string) => row.get(field) ?? '';
  const list = (field: string) =>
    text(field)
      .split(',')
      .filter((item) => item !== '');
  const isIpv6 = text('ipv6.src') !== '';
  const isV2 = text('vrrp.version') === '2';
  const expected = {
    vlans: list('vlan.id'),
    srcMac: text('eth.src'),
    family: isIpv6 ? 'ipv6' : 'ipv4',
    src: text(isIpv6 ? 'ipv6.src' : 'ip.src'),
    dst: text(isIpv6 ? 'ipv6.dst' : 'ip.dst'),
    ttl: text(isIpv6 ? 'ipv6.hlim' : 'ip.ttl'),
    ah: text('ah.spi') !== '',
    version: text('vrrp.version'),
    vrid: text('vrrp.virt_rtr_id'),
    priority: text('vrrp.prio'),
    intervalMs: isV2 ? Number(text('vrrp.adver_int')) * 1000 : Number(text('vrrp.short_adver_int')) * 10,
    authType: isV2 ? text('vrrp.auth_type') : 'null',
    authData: text('vrrp.auth_string'),
    vips: list(isIpv6 ? 'vrrp.ipv6_addr' : 'vrrp.ip_addr'),
    ipId: row.has('ip.id') && !isIpv6 ? Number(text('ip.id')) : frame.ipId,
    isGood: isWrong('vrrp.checksum.status') ? true : text('vrrp.checksum.status') === '1',
  };
  expect({
    vlans: frame.vlans.map(String),
    srcMac: advert.srcMac,
    family: advert.family,
    src: advert.src,
    dst: advert.dst,
    ttl: String(advert.ttl),
    ah: advert.ah,
    version: String(advert.version),
    vrid: String(advert.vrid),
    priority: String(advert.priority),
    intervalMs: advert.intervalMs,
    authType: String(advert.authType),
    authData: Buffer.from(advert.authData ?? '', 'hex').toString(),
    vips: advert.vips,
    ipId: frame.ipId,
    isGood: advert.checksum === 'ok',
  }).toEqual(expected);
}

/** Our rules for claims, from tshark's fields. */
function isClaim(row: Row): boolean {
  const sender = row.get('arp.src.proto_ipv4') ?? '';
  if (row.get('arp.opcode') === '2') return sender !== '0.0.0.0';
  if (row.get('arp.opcode') === '1') return row.get('arp.isgratuitous') === '1' && sender !== '0.0.0.0';
  return row.get('icmpv6.type') === '136' && !isSolicited(row);
}

/** The recordings' table has no S flag; a solicited answer goes to one host. */
function isSolicited(row: Row): boolean {
  return !(row.get('ipv6.dst') ?? '').startsWith('ff');
}

function checkClaim(row: Row, frame: Frame, claim: Claim): void {
  const isArp = row.get('arp.opcode') !== '';
  expect(claim.srcMac).toBe(row.get('eth.src'));
  expect(claim.address).toBe(row.get(isArp ? 'arp.src.proto_ipv4' : 'icmpv6.nd.na.target_address'));
  expect(frame.vlans.map(String).join(',')).toBe(row.get('vlan.id'));
  if (!isArp) {
    expect(claim.form).toBe('na');
    return;
  }
  expect(claim.mac).toBe(row.get('arp.src.hw_mac'));
  expect(claim.form).toBe(row.get('arp.opcode') === '2' ? 'arp-reply' : 'arp-request');
  expect(claim.gratuitous).toBe(
    row.get('arp.isgratuitous') === '1' || row.get('eth.dst') === 'ff:ff:ff:ff:ff:ff',
  );
}

function tsharkRows(name: string): ReadonlyMap<number, Row> {
  const [header = '', ...lines] = readFileSync(recordingPath(name, 'tshark.tsv'), 'utf8')
    .trimEnd()
    .split('\n');
  const fields = header.split('\t');
  return new Map(
    lines.map((line) => {
      const values = line.split('\t');
      const row = new Map(fields.map((field, i) => [field, values[i] ?? '']));
      return [Number(row.get('frame.number')), row];
    }),
  );
}
