/** Certificates made on the spot: an authority, what it signs, and what nobody trusts. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

export class Authority {
  readonly #folder: string;
  readonly cert: string;
  #count = 0;

  constructor(folder: string) {
    this.#folder = folder;
    openssl(
      folder,
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj',
      '/CN=Test Authority',
      '-keyout ca.key -out ca.pem',
    );
    this.cert = readFileSync(join(folder, 'ca.pem'), 'utf8');
  }

  /** For the name `localhost` and 127.0.0.1, unless said otherwise. */
  issue(names = 'DNS:localhost,IP:127.0.0.1', { expired = false } = {}): Certificate {
    const name = `leaf${++this.#count}`;
    const at = (suffix: string) => join(this.#folder, `${name}.${suffix}`);
    openssl(
      this.#folder,
      'req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj',
      '/CN=mail.test',
      `-keyout ${name}.key -out ${name}.csr`,
    );
    writeFileSync(at('ext'), `subjectAltName=${names}\n`);
    openssl(
      this.#folder,
      `x509 -req -in ${name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days ${expired ? -1 : 30} -extfile ${name}.ext -out ${name}.pem`,
    );
    return { key: readFileSync(at('key'), 'utf8'), cert: readFileSync(at('pem'), 'utf8') };
  }

  selfSigned(): Certificate {
    const name = `self${++this.#count}`;
    openssl(
      this.#folder,
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj',
      '/CN=localhost',
      `-addext subjectAltName=DNS:localhost -keyout ${name}.key -out ${name}.pem`,
    );
    const read = (suffix: string) => readFileSync(join(this.#folder, `${name}.${suffix}`), 'utf8');
    return { key: read('key'), cert: read('pem') };
  }
}

/** The second of the three may hold spaces. */
function openssl(folder: string, first: string, spaced?: string, last = ''): void {
  const words = (text: string) => text.split(' ').filter((word) => word !== '');
  const args = [...words(first), ...(spaced === undefined ? [] : [spaced]), ...words(last)];
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
}
