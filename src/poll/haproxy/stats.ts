/**
 * HAProxy's statistics in CSV, as the page and `show stat` give them, understood while they arrive.
 *
 * Columns go by name: releases 1.4 to 3.x have 50 to 200 of them, the same place changed its meaning (100 in 2.8), and
 * after the column `-` those of modules follow in any order. Each row ends with a comma. Text with a comma, quote or
 * newline is quoted, a quote within doubled. A row that makes no sense costs that row; without the header nothing is
 * guessed. Limits: 20,000 rows, 512 columns, and those of `Lines`.
 */
import type { ProxyProcess, ProxyReading, ProxyRow, ProxyRowType, ProxyStatus } from '../../reading/proxy.ts';
import { cutOff, PollError, printable } from '../failure.ts';
import { Lines } from './lines.ts';
import { wholeNumber } from './number.ts';
import { parseShowInfo } from './show-info.ts';
import { parseStatus } from './status.ts';

const ROWS_MAX = 20_000;
const COLUMNS_MAX = 512;
/** of text before the header: `show info` has about 80 lines */
const PREAMBLE_LINES_MAX = 500;
/** of one row with newlines in quotes */
const ROW_LINES_MAX = 16;
/** of a name, or of what a check said */
const TEXT_MAX = 256;
const HEADER = '# pxname,';
const TYPES: readonly ProxyRowType[] = ['frontend', 'backend', 'server', 'listener'];

export class StatsDecoder {
  readonly #lines = new Lines((line) => this.#takeLine(line));
  /** The answer of a socket: `show info` comes first, a blank line ends each of the two. */
  readonly #fromSocket: boolean;
  readonly #preamble: string[] = [];
  #columns: Columns | null = null;
  readonly #rows: ProxyRow[] = [];
  #count = 0;
  #refused = 0;
  #refusal: string | null = null;
  /** the lines of a row whose quotes are still open */
  #open: string[] = [];
  #endsBlank = false;

  constructor({ fromSocket }: { readonly fromSocket: boolean }) {
    this.#fromSocket = fromSocket;
  }

  /** Throws a `PollError` as soon as it is clear that this is no answer. */
  write(bytes: Buffer): void {
    this.#lines.write(bytes);
  }

  /** The stream has ended properly. Throws a `PollError` where what came is no answer, or not all of it. */
  end(): ProxyReading {
    if (this.#open.length > 0) this.#refuseOpen();
    const columns = this.#columns;
    if (columns === null) throw this.#isCutBeforeRows() ? cutOff() : this.#noHeader(this.#begins);
    if (this.#lines.endsInLine || (this.#fromSocket && !this.#endsBlank)) throw cutOff();
    if (this.#rows.length === 0 && this.#refusal !== null)
      throw new PollError('answer', `none of ${this.#refused} rows makes sense: ${this.#refusal}`);
    return {
      columns: columns.names,
      rows: this.#rows,
      process: this.#process(),
      refusedRows: this.#refused,
      refusal: this.#refusal,
    };
  }

  #process(): ProxyProcess | null {
    return this.#fromSocket ? parseShowInfo(this.#preamble) : null;
  }

  get #begins(): string {
    return this.#preamble[0] ?? this.#lines.rest;
  }

  #isCutBeforeRows(): boolean {
    const begins = this.#begins;
    if (begins === '') return this.#fromSocket && !this.#lines.endsInLine;
    return HEADER.startsWith(begins) || begins.startsWith(HEADER) || this.#process() !== null;
  }

  #takeLine(given: string | null): void {
    const line = given?.endsWith('\r') ? given.slice(0, -1) : given;
    this.#endsBlank = line === '';
    if (this.#columns === null) this.#takeBeforeRows(line);
    else if (line === null) {
      if (this.#open.length > 0) this.#refuseOpen();
      this.#refuse(this.#countRow(), 'is longer than 64 KiB');
    } else if (this.#open.length > 0) this.#continueRow(line, this.#columns);
    else if (line !== '') {
      const number = this.#countRow();
      const cells = line.includes('"') ? cellsOf(line) : line.split(',', this.#columns.names.length + 2);
      if (cells === null) this.#open = [line];
      else this.#takeRow(cells, number, this.#columns);
    }
  }

  #takeBeforeRows(line: string | null): void {
    if (line?.startsWith(HEADER)) this.#columns = columnsOf(line);
    else if (line !== '') {
      if (!this.#fromSocket || line === null || this.#preamble.length >= PREAMBLE_LINES_MAX)
        throw this.#noHeader(line ?? '');
      this.#preamble.push(line);
    }
  }

  #noHeader(line: string): PollError {
    if (/^permission denied/i.test(line))
      return new PollError('denied', 'the socket permits too little: it needs "level user" at least');
    if (line.trimStart().startsWith('<'))
      return new PollError('answer', 'an HTML page, not CSV: is that the URI of the statistics page?');
    const begins = printable(line, 40);
    const words = begins === '' ? 'no statistics in the answer' : `no statistics; it begins with "${begins}"`;
    return new PollError('answer', words);
  }

  /** Of a row with open quotes, unless the line is a row by itself: then those quotes were a mistake. */
  #continueRow(line: string, columns: Columns): void {
    const alone = cellsOf(line);
    if (alone !== null && columns.fits(alone)) {
      this.#refuseOpen();
      this.#takeRow(alone, this.#countRow(), columns);
      return;
    }
    this.#open.push(line);
    if (line.includes('"')) {
      const cells = cellsOf(this.#open.join('\n'));
      if (cells !== null) {
        this.#open = [];
        this.#takeRow(cells, this.#count, columns);
        return;
      }
    }
    if (this.#open.length >= ROW_LINES_MAX) this.#refuseOpen();
  }

  #refuseOpen(): void {
    this.#open = [];
    this.#refuse(this.#count, 'has a quote that is never closed');
  }

  #countRow(): number {
    if (++this.#count > ROWS_MAX)
      throw new PollError('answer', 'more than 20,000 rows: the URL can narrow them, as with ;scope=NAME');
    return this.#count;
  }

  #refuse(number: number, why: string): void {
    this.#refused++;
    this.#refusal ??= `row ${number} ${why}`;
  }

  #takeRow(cells: string[], number: number, columns: Columns): void {
    const count = columns.names.length;
    if (!columns.fits(cells)) {
      const has = cells.length > count ? `more than ${count}` : `${cells.length}`;
      this.#refuse(number, `has ${has} cells, the header ${count}`);
      return;
    }
    if (cells.length > count) cells.pop();
    const row = columns.rowOf(cells);
    if (typeof row === 'string') this.#refuse(number, row);
    else this.#rows.push(row);
  }
}

/** Where each field stands; -1: this release has no such column. */
class Columns {
  readonly names: readonly string[];
  readonly #at: Readonly<Record<Field, number>>;
  /** servers by the thousand have the same few states */
  readonly #statuses = new Map<string, ProxyStatus>();

  constructor(names: readonly string[]) {
    this.names = names;
    const entries = Object.entries(FIELDS).map(([field, name]) => [field, names.indexOf(name)]);
    this.#at = Object.fromEntries(entries);
  }

  /** With the empty cell after the last comma, or without. */
  fits(cells: readonly string[]): boolean {
    const count = this.names.length;
    return cells.length === count || (cells.length === count + 1 && cells[count] === '');
  }

  /** Or what is wrong with it, in words. */
  rowOf(cells: readonly string[]): ProxyRow | string {
    const at = this.#at;
    const type = TYPES[wholeNumber(textAt(cells, at.type)) ?? -1];
    if (type === undefined) return `is of an unknown type: "${printable(textAt(cells, at.type), 20)}"`;
    const proxy = shown(textAt(cells, at.proxy));
    const name = shown(textAt(cells, at.name));
    if (proxy === '' || name === '') return 'has no name';
    const checkStatus = shown(textAt(cells, at.checkStatus));
    return {
      type,
      proxy,
      name,
      status: this.#statusOf(textAt(cells, at.status)),
      weight: numberAt(cells, at.weight),
      active: numberAt(cells, at.active),
      backup: numberAt(cells, at.backup),
      sessions: numberAt(cells, at.sessions),
      sessionLimit: numberAt(cells, at.sessionLimit),
      queue: numberAt(cells, at.queue),
      queueLimit: numberAt(cells, at.queueLimit),
      sessionsTotal: numberAt(cells, at.sessionsTotal),
      bytesIn: numberAt(cells, at.bytesIn),
      bytesOut: numberAt(cells, at.bytesOut),
      downs: numberAt(cells, at.downs),
      checkFailures: numberAt(cells, at.checkFailures),
      downtimeS: numberAt(cells, at.downtimeS),
      lastChangeS: numberAt(cells, at.lastChangeS),
      checkStatus: checkStatus.startsWith('* ') ? checkStatus.slice(2) : checkStatus,
      checkCode: numberAt(cells, at.checkCode),
      // The server's own words; else HAProxy's, as "Layer4 timeout".
      checkText: shown(textAt(cells, at.lastCheck) || textAt(cells, at.checkDescription)),
      cells,
    };
  }

  #statusOf(raw: string): ProxyStatus {
    const known = this.#statuses.get(raw);
    if (known !== undefined) return known;
    const status = parseStatus(shown(raw));
    this.#statuses.set(raw, status);
    return status;
  }
}

const FIELDS = {
  type: 'type',
  proxy: 'pxname',
  name: 'svname',
  status: 'status',
  weight: 'weight',
  active: 'act',
  backup: 'bck',
  sessions: 'scur',
  sessionLimit: 'slim',
  queue: 'qcur',
  queueLimit: 'qlimit',
  sessionsTotal: 'stot',
  bytesIn: 'bin',
  bytesOut: 'bout',
  downs: 'chkdown',
  checkFailures: 'chkfail',
  downtimeS: 'downtime',
  lastChangeS: 'lastchg',
  checkStatus: 'check_status',
  checkCode: 'check_code',
  lastCheck: 'last_chk',
  checkDescription: 'check_desc',
} as const;
type Field = keyof typeof FIELDS;

function columnsOf(header: string): Columns {
  const names = header.slice(2).split(',', COLUMNS_MAX + 2);
  if (names.at(-1) === '') names.pop();
  if (names.length > COLUMNS_MAX) throw new PollError('answer', `more than ${COLUMNS_MAX} columns`);
  const missing = ['pxname', 'svname', 'status', 'type'].filter((name) => !names.includes(name));
  if (missing.length > 0) throw new PollError('answer', `the header has no column ${missing.join(', ')}`);
  return new Columns(names);
}

function textAt(cells: readonly string[], index: number): string {
  return index < 0 ? '' : (cells[index] ?? '');
}

/** What a checked server answers stands here in its own words, which are nobody's to write on a terminal. */
function shown(text: string): string {
  return text.length <= TEXT_MAX && PLAIN.test(text) ? text : printable(text, TEXT_MAX);
}

const PLAIN = /^[\x20-\x7e]*$/;

function numberAt(cells: readonly string[], index: number): number | null {
  return index < 0 ? null : wholeNumber(cells[index] ?? '');
}

/** With quotes; null: one that a cell begins with is not closed. A quote within a cell is only a character. */
function cellsOf(text: string): string[] | null {
  const cells: string[] = [];
  for (let at = 0; ; ) {
    let cell = '';
    if (text.charCodeAt(at) === QUOTE) {
      for (let from = at + 1; ; ) {
        const quote = text.indexOf('"', from);
        if (quote < 0) return null;
        cell += text.slice(from, quote);
        at = quote + 1;
        if (text.charCodeAt(at) !== QUOTE) break;
        cell += '"';
        from = at + 1;
      }
    }
    const comma = text.indexOf(',', at);
    cells.push(cell + text.slice(at, comma < 0 ? undefined : comma));
    if (comma < 0) return cells;
    at = comma + 1;
  }
}

const QUOTE = 0x22;
