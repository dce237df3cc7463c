/** Reads a mail as its receiver would, written from RFC 5322, 2045 and 2047 alone, so that it knows no mailer's habits. */

export interface ParsedMail {
  /** by lower-case name; unfolded, encoded words decoded */
  readonly headers: ReadonlyMap<string, string>;
  readonly names: readonly string[];
  readonly text: string;
  readonly html: string;
}

export function parseMail(raw: string): ParsedMail {
  const { headers, names, body } = split(raw);
  const boundary = /boundary="?([^";]+)"?/.exec(headers.get('content-type') ?? '')?.[1];
  if (boundary === undefined) return { headers, names, text: decoded(headers, body), html: '' };
  const parts = body
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => split(part.replace(/^\r\n/, '')));
  const find = (type: string) => {
    const part = parts.find((each) => each.headers.get('content-type')?.startsWith(type) === true);
    return part === undefined ? '' : decoded(part.headers, part.body);
  };
  return { headers, names, text: find('text/plain'), html: find('text/html') };
}

function split(raw: string) {
  const end = raw.indexOf('\r\n\r\n');
  const head = raw.slice(0, end).replace(/\r\n[ \t]+/g, ' ');
  const headers = new Map<string, string>();
  const names: string[] = [];
  for (const line of head.split('\r\n')) {
    const colon = line.indexOf(':');
    names.push(line.slice(0, colon));
    headers.set(line.slice(0, colon).toLowerCase(), encodedWords(line.slice(colon + 1).trim()));
  }
  return { headers, names, body: raw.slice(end + 4) };
}

function encodedWords(text: string): string {
  return text.replace(/\?=\s+=\?/g, '?==?').replace(/(?:=\?utf-8\?[qb]\?[^?]*\?=)+/gi, (words) => {
    const bytes = [...words.matchAll(/=\?utf-8\?([qb])\?([^?]*)\?=/gi)].map(([, how, data = '']) =>
      how?.toLowerCase() === 'b'
        ? Buffer.from(data, 'base64')
        : Buffer.from(quotedBytes(data.replaceAll('_', ' ')), 'latin1'),
    );
    return Buffer.concat(bytes).toString('utf8');
  });
}

function decoded(headers: ReadonlyMap<string, string>, body: string): string {
  switch (headers.get('content-transfer-encoding')?.toLowerCase()) {
    case 'quoted-printable':
      return Buffer.from(quotedBytes(body.replace(/=\r\n/g, '')), 'latin1').toString('utf8');
    case 'base64':
      return Buffer.from(body, 'base64').toString('utf8');
    default:
      return body;
  }
}

function quotedBytes(text: string): string {
  return text.replace(/=([0-9A-F]{2})/gi, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
