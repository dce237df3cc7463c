/**
 * A FAKE of Grafana: its HTTP protocol as far as we use it, for majors 9 to 13, out of its documentation and source. No
 * Grafana runs here; what a real one renders is not tested by it.
 *
 * What differs by version:
 *
 * - 13 answers routes by a data source's number with 404 (they are off by default there).
 * - 12 and 13 rewrite what they store: they raise `schemaVersion` and add what they miss.
 * - 11 and later wrap the history of a dashboard in an object.
 * - Up to 10 a second folder with a title that is there is refused with 409, later 412.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Json = Record<string, unknown>;

export type Role = 'Viewer' | 'Editor' | 'Admin';

interface StoredDashboard {
  json: Json & { uid: string; title: string; version: number };
  folderUid: string;
  messages: string[];
  provisioned: boolean;
}

export interface StoredAnnotation {
  readonly id: number;
  time: number;
  timeEnd: number;
  text: string;
  tags: readonly string[];
}

const RANK: Readonly<Record<Role, number>> = { Viewer: 0, Editor: 1, Admin: 2 };
/** As Grafana's column. */
const TAG_BYTES_MAX = 100;

export class FakeGrafana {
  readonly major: number;
  readonly tokens = new Map<string, Role>([['glsa_admin', 'Admin']]);
  readonly users = new Map<string, Role>([['admin:secret', 'Admin']]);
  readonly dashboards = new Map<string, StoredDashboard>();
  readonly folders = new Map<string, string>();
  readonly dataSources = new Map<string, Json>();
  readonly annotations: StoredAnnotation[] = [];
  /** `METHOD path` of every request */
  readonly asked: string[] = [];
  /** the Authorization header of every request */
  readonly authorizations: (string | undefined)[] = [];
  /** answers in Grafana's place, once */
  instead: ((request: IncomingMessage, response: ServerResponse) => void) | null = null;
  /** called before a request is answered */
  before: (method: string, path: string) => void = () => {};
  readonly #server: Server;
  #nextId = 1;

  private constructor(major: number) {
    this.major = major;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(major = 11): Promise<FakeGrafana> {
    const fake = new FakeGrafana(major);
    fake.#server.listen(0, '127.0.0.1');
    await once(fake.#server, 'listening');
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get writes(): readonly string[] {
    return this.asked.filter((line) => !line.startsWith('GET'));
  }

  /** As a person does who presses "Save" in the browser. */
  edit(uid: string, change: (json: Json) => void): void {
    const stored = this.dashboards.get(uid);
    if (stored === undefined) throw new Error(`no dashboard ${uid}`);
    change(stored.json);
    stored.json.version++;
    stored.messages.push('');
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const method = request.method ?? '';
    this.asked.push(`${method} ${url.pathname}`);
    this.authorizations.push(request.headers.authorization);
    const body = await bodyOf(request);
    this.before(method, url.pathname);
    if (this.instead !== null) {
      const answer = this.instead;
      this.instead = null;
      answer(request, response);
      return;
    }
    const [status, said] = this.#answer(method, url, request.headers.authorization, body);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(said));
  }

  #answer(method: string, url: URL, authorization: string | undefined, body: Json): [number, unknown] {
    const path = decodeURIComponent(url.pathname);
    if (path === '/api/health')
      return [200, { database: 'ok', version: `${this.major}.1.0`, commit: 'fake' }];
    const role = this.#roleOf(authorization);
    if (role === null) return [401, { message: 'Unauthorized' }];
    const may = (least: Role, permission: string): [number, unknown] | null =>
      RANK[role] >= RANK[least]
        ? null
        : [403, { message: `You'll need additional permissions: ${permission}`, title: 'Access denied' }];

    const route = `${method} ${path}`;
    const [, by, key = ''] = /^\/api\/datasources\/(?:(uid|name)\/)?(.+)$/.exec(path) ?? [];
    if (path.startsWith('/api/datasources')) {
      const refused = may('Admin', method === 'GET' ? 'datasources:read' : 'datasources:write');
      if (refused !== null) return refused;
      if (route === 'POST /api/datasources') return this.#createDataSource(body);
      if (by === undefined && this.major >= 13) return [404, { message: 'Not found' }];
      const found = [...this.dataSources.values()].find((each) => String(each[by ?? 'id']) === key);
      if (found === undefined) return [404, { message: 'Data source not found' }];
      return method === 'GET' ? [200, shownSource(found)] : this.#updateDataSource(found, body);
    }
    if (path.startsWith('/api/folders')) return this.#folders(method, path, body, may);
    if (route === 'POST /api/dashboards/db') {
      return may('Editor', 'dashboards:write') ?? this.#saveDashboard(body);
    }
    const [, uid = '', versions] = /^\/api\/dashboards\/uid\/([^/]+)(\/versions)?$/.exec(path) ?? [];
    if (uid !== '') return this.#readDashboard(uid, versions !== undefined);
    if (path.startsWith('/api/annotations')) return this.#annotate(method, path, url, body, may);
    return [404, { message: 'Not found' }];
  }

  #roleOf(authorization = ''): Role | null {
    const [scheme, value = ''] = authorization.split(' ');
    if (scheme === 'Bearer') return this.tokens.get(value) ?? null;
    if (scheme === 'Basic') return this.users.get(Buffer.from(value, 'base64').toString()) ?? null;
    return null;
  }

  #createDataSource(body: Json): [number, unknown] {
    const isThere = [...this.dataSources.values()].some(
      (each) => each.name === body.name || each.uid === body.uid,
    );
    if (isThere) return [409, { message: 'data source with the same name already exists' }];
    const stored: Json = { ...body, id: this.#nextId++, version: 1, readOnly: false };
    this.dataSources.set(String(body.uid), stored);
    return [
      200,
      { datasource: shownSource(stored), id: stored.id, message: 'Datasource added', name: body.name },
    ];
  }

  #updateDataSource(found: Json, body: Json): [number, unknown] {
    if (found.readOnly === true) return [403, { message: 'Cannot update read-only data source' }];
    const secureJsonData = { ...(found.secureJsonData as Json), ...(body.secureJsonData as Json) };
    Object.assign(found, body, { secureJsonData, version: Number(found.version) + 1 });
    return [200, { datasource: shownSource(found), message: 'Datasource updated' }];
  }

  #folders(
    method: string,
    path: string,
    body: Json,
    may: (least: Role, permission: string) => [number, unknown] | null,
  ): [number, unknown] {
    if (method === 'POST') {
      const refused = may('Editor', 'folders:create');
      if (refused !== null) return refused;
      const { uid, title } = body as { uid: string; title: string };
      if (this.folders.has(uid)) return [412, { status: 'version-mismatch', message: 'already exists' }];
      if (this.major < 11 && [...this.folders.values()].includes(title)) {
        return [
          409,
          { message: 'a folder or dashboard in the general folder with the same name already exists' },
        ];
      }
      this.folders.set(uid, title);
      return [200, { id: this.#nextId++, uid, title }];
    }
    if (path === '/api/folders') return [200, [...this.folders].map(([uid, title]) => ({ uid, title }))];
    const uid = path.slice('/api/folders/'.length);
    const title = this.folders.get(uid);
    return title === undefined ? [404, { message: 'folder not found' }] : [200, { uid, title }];
  }

  #saveDashboard(body: Json): [number, unknown] {
    const given = body.dashboard as StoredDashboard['json'];
    const {
      folderUid = '',
      overwrite,
      message = '',
    } = body as { folderUid?: string; overwrite?: boolean; message?: string };
    const stored = this.dashboards.get(given.uid);
    if (folderUid !== '' && !this.folders.has(folderUid)) return [400, { message: 'folder not found' }];
    if (stored?.provisioned === true) return [400, { message: 'Cannot save provisioned dashboard' }];
    if (stored !== undefined && overwrite !== true && stored.json.version !== given.version) {
      return [412, { status: 'version-mismatch', message: 'The dashboard has been changed by someone else' }];
    }
    const version = (stored?.json.version ?? 0) + 1;
    const id = stored?.json.id ?? this.#nextId++;
    const json = this.#rewritten({ ...structuredClone(given), id, version });
    const messages = [...(stored?.messages ?? []), message];
    this.dashboards.set(given.uid, { json, folderUid, messages, provisioned: false });
    return [200, { id, uid: given.uid, url: `/d/${given.uid}`, status: 'success', version, slug: 'x' }];
  }

  /** 12 and 13 bring older forms up to date when they are stored. */
  #rewritten(json: StoredDashboard['json']): StoredDashboard['json'] {
    if (this.major < 12) return json;
    const panels = (json.panels as Json[]).map((panel) => ({
      ...panel,
      pluginVersion: `${this.major}.1.0`,
      links: [],
    }));
    return { ...json, panels, schemaVersion: 42 };
  }

  #readDashboard(uid: string, versions: boolean): [number, unknown] {
    const stored = this.dashboards.get(uid);
    if (stored === undefined) return [404, { message: 'Dashboard not found' }];
    const { json, folderUid, messages, provisioned } = stored;
    if (versions) {
      const list = [{ version: json.version, message: messages.at(-1) }];
      return [200, this.major >= 11 ? { continueToken: '', versions: list } : list];
    }
    return [200, { dashboard: json, meta: { folderUid, provisioned, version: json.version } }];
  }

  #annotate(
    method: string,
    path: string,
    url: URL,
    body: Json,
    may: (least: Role, permission: string) => [number, unknown] | null,
  ): [number, unknown] {
    if (method === 'GET') {
      const tags = url.searchParams.getAll('tags').map(asTag);
      const found = this.annotations.filter((each) => tags.every((tag) => each.tags.includes(tag)));
      return [200, found.slice(0, Number(url.searchParams.get('limit') ?? 100))];
    }
    const refused = may('Editor', 'annotations:write');
    if (refused !== null) return refused;
    if (method === 'POST') {
      const { time, timeEnd = time, text = '', tags = [] } = body as unknown as StoredAnnotation;
      if (text === '') return [400, { message: 'text field should not be empty' }];
      if (tags.some((tag) => tag.split(':').some((part) => Buffer.byteLength(part) > TAG_BYTES_MAX))) {
        return [400, { message: 'Failed to save annotation: tag value too long' }];
      }
      const id = this.#nextId++;
      this.annotations.push({ id, time, timeEnd, text, tags: tags.map(asTag) });
      return [200, { id, message: 'Annotation added' }];
    }
    const id = Number(path.slice('/api/annotations/'.length));
    const found = this.annotations.find((each) => each.id === id);
    if (found === undefined) return [404, { message: 'Annotation not found' }];
    Object.assign(found, body);
    return [200, { message: 'Annotation patched' }];
  }
}

/** Grafana keeps a key and a value, split at colons; what follows a second one is lost. */
function asTag(tag: string): string {
  const [key = '', value] = tag.split(':');
  return value === undefined ? key : `${key}:${value}`;
}

/** Secrets are never given back, only that they are there. */
function shownSource({ secureJsonData, ...shown }: Json): Json {
  const names = Object.keys((secureJsonData ?? {}) as Json);
  return { ...shown, secureJsonFields: Object.fromEntries(names.map((name) => [name, true])) };
}

async function bodyOf(request: IncomingMessage): Promise<Json> {
  let text = '';
  for await (const piece of request) text += String(piece);
  return text === '' ? {} : (JSON.parse(text) as Json);
}
