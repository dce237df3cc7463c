/**
 * Brings data source, folder and dashboards to Grafana, in this order, by uid. Doing it again changes nothing.
 *
 * What a person changed in Grafana stays, unless forced. How that is known: with what is pushed goes a hash of it (a
 * dashboard's tag, a data source's setting). Where the contents still have that hash, nobody changed them. Where they
 * have not, a newer Grafana may have rewritten an older form; so its history is asked, and if the last who saved was
 * us, with this hash, nobody did either.
 *
 * Between reading and writing a person may save: dashboards are written with the version that was read, and Grafana
 * refuses (412) if there is a newer one. A dashboard that was moved stays where it is.
 */
import { type Answer, type GrafanaClient, GrafanaError, members, shown } from './client.ts';
import { contentHash, differences } from './difference.ts';
import type { DataSourceSettings } from './settings.ts';

export interface Wanted {
  readonly dataSource: DataSourceSettings;
  readonly folder: string;
  readonly dashboards: readonly DashboardJson[];
}

export interface DashboardJson {
  readonly uid: string;
  readonly title: string;
  readonly tags: readonly string[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
}

export interface Mode {
  /** otherwise it is only said what would be done */
  readonly write: boolean;
  /** also over what a person changed */
  readonly force: boolean;
}

export interface Step {
  readonly what: 'data source' | 'folder' | 'dashboard';
  readonly name: string;
  /** `kept`: it is not what is wanted, and stays as it is */
  readonly did: 'create' | 'update' | 'nothing' | 'kept';
  readonly why: string | null;
  readonly differences: readonly string[];
}

const FOLDER_UID = 'vipwatch';

/** Each step as it is done. Ends with a GrafanaError where it cannot go on. */
export async function* push(client: GrafanaClient, wanted: Wanted, mode: Mode): AsyncGenerator<Step> {
  await client.version();
  const dataSource = await pushDataSource(client, wanted.dataSource, mode);
  yield dataSource.step;
  const folder = await pushFolder(client, wanted.folder, mode);
  yield folder.step;
  for (const dashboard of wanted.dashboards) {
    yield await pushDashboard(client, withDataSource(dashboard, dataSource), folder.uid, mode);
  }
}

interface Chosen {
  readonly uid: string;
  readonly name: string;
}

/** The variable of the type `datasource` begins with ours. */
export function withDataSource<D extends DashboardJson>(dashboard: D, { uid, name }: Chosen): D {
  const list = dashboard.templating.list.map((variable) =>
    variable.type === 'datasource'
      ? { ...variable, current: { selected: true, text: name, value: uid } }
      : variable,
  );
  return { ...dashboard, templating: { ...dashboard.templating, list } };
}

// ---------------------------------------------------------------------------------------------- data source

type DataSourceStep = Chosen & { readonly step: Step };

async function pushDataSource(
  client: GrafanaClient,
  settings: DataSourceSettings,
  mode: Mode,
): Promise<DataSourceStep> {
  const { uid, name, url } = settings;
  const step = (did: Step['did'], why: string | null, lines: readonly string[] = []): DataSourceStep => ({
    uid,
    name,
    step: { what: 'data source', name, did, why, differences: lines },
  });

  const there = await findDataSource(client, settings);
  if (there === 'forbidden') return step('nothing', 'may not be read with these rights; taken to be there');
  if (url === null) {
    if (there !== null)
      return { ...there.chosen, step: { ...step('nothing', null).step, name: there.chosen.name } };
    throw new GrafanaError(
      'refused',
      `no data source has the uid ${uid} or is called ${name}; with grafana.datasource.url (InfluxDB as Grafana reaches it) it can be made`,
    );
  }

  const body = dataSourceBody(settings, url);
  if (there === null) {
    if (mode.write) {
      await client.request({
        method: 'POST',
        path: '/api/datasources',
        body: { ...body, secureJsonData: secretsOf(settings) },
        purpose: 'make the data source',
        role: 'Admin',
      });
    }
    return step('create', null);
  }

  const { chosen, found } = there;
  const told = (did: Step['did'], why: string | null, lines: readonly string[] = []): DataSourceStep => ({
    ...chosen,
    step: { ...step(did, why, lines).step, name: chosen.name },
  });
  const managed = { ...body, uid: chosen.uid, name: chosen.name };
  const lines = differences(managedPart(found), managedPart(managed));
  if (lines.length === 0 && !mode.force) return told('nothing', null);
  if (found.readOnly === true) {
    return lines.length === 0
      ? told('nothing', null)
      : told('kept', 'it comes from a file of Grafana’s provisioning: change it there', lines);
  }
  const isAsPushed = members(found.jsonData)[MARK] === contentHash(managedPart(found));
  if (!isAsPushed && !mode.force) return told('kept', CHANGED_THERE, lines);
  if (mode.write) {
    await client.request({
      method: 'PUT',
      path: `/api/datasources/uid/${encodeURIComponent(chosen.uid)}`,
      body: {
        ...found,
        ...managed,
        jsonData: { ...members(found.jsonData), ...managed.jsonData },
        secureJsonData: secretsOf(settings),
      },
      purpose: 'change the data source',
      role: 'Admin',
    });
  }
  return told('update', lines.length === 0 ? 'its secrets are written anew' : null, lines);
}

const CHANGED_THERE = 'it was changed in Grafana; --force overwrites that';

/** The setting of a data source that says as what it was pushed. */
const MARK = 'vipwatchPushed';

async function findDataSource(
  client: GrafanaClient,
  { uid, name }: DataSourceSettings,
): Promise<
  { readonly chosen: Chosen; readonly found: Readonly<Record<string, unknown>> } | 'forbidden' | null
> {
  for (const path of [`uid/${encodeURIComponent(uid)}`, `name/${encodeURIComponent(name)}`]) {
    const { status, body } = await client.request({
      method: 'GET',
      path: `/api/datasources/${path}`,
      purpose: 'read the data source',
      role: 'Admin',
      expected: [403, 404],
    });
    if (status === 403) return 'forbidden';
    if (status === 404) continue;
    const found = members(body);
    if (found.type !== 'influxdb') {
      throw new GrafanaError(
        'refused',
        `the data source ${shown(String(found.name))} is of the type ${shown(String(found.type))}, not influxdb: choose another with grafana.datasource`,
      );
    }
    return { chosen: { uid: String(found.uid), name: String(found.name) }, found };
  }
  return null;
}

function dataSourceBody(settings: DataSourceSettings, url: string) {
  const { uid, name, database, user, token } = settings;
  const body = {
    uid,
    name,
    type: 'influxdb',
    access: 'proxy',
    url,
    user: user ?? '',
    // Grafana 9 reads this one, later ones jsonData.dbName
    database,
    basicAuth: false,
    jsonData: {
      dbName: database,
      httpMode: 'POST',
      // InfluxDB 2 and 3 take InfluxQL with a token in a header.
      ...(token === null ? {} : { httpHeaderName1: 'Authorization' }),
    },
  };
  return { ...body, jsonData: { ...body.jsonData, [MARK]: contentHash(managedPart(body)) } };
}

function secretsOf({ password, token }: DataSourceSettings): Readonly<Record<string, string>> {
  return {
    ...(password === null ? {} : { password }),
    ...(token === null ? {} : { httpHeaderValue1: `Token ${token}` }),
  };
}

/** What of a data source is ours to say; all else of it, and its secrets, cannot be compared. */
function managedPart(source: Readonly<Record<string, unknown>>): object {
  const { dbName, httpMode, httpHeaderName1 } = members(source.jsonData);
  return {
    type: source.type,
    access: source.access,
    url: source.url,
    user: source.user ?? '',
    database: dbName ?? source.database,
    httpMode,
    ...(httpHeaderName1 === undefined ? {} : { httpHeaderName1 }),
  };
}

// --------------------------------------------------------------------------------------------------- folder

async function pushFolder(
  client: GrafanaClient,
  title: string,
  mode: Mode,
): Promise<{ readonly uid: string; readonly step: Step }> {
  const step = (did: Step['did'], name: string): Step => ({
    what: 'folder',
    name,
    did,
    why: null,
    differences: [],
  });
  const there = await client.request({
    method: 'GET',
    path: `/api/folders/${FOLDER_UID}`,
    purpose: 'read the folder',
    role: 'Viewer',
    expected: [404],
  });
  // Its title is a person's to choose once it is there.
  if (there.status === 200) {
    return { uid: FOLDER_UID, step: step('nothing', String(members(there.body).title)) };
  }
  if (mode.write) {
    const made = await client.request({
      method: 'POST',
      path: '/api/folders',
      body: { uid: FOLDER_UID, title },
      purpose: 'make the folder',
      role: 'Editor',
      expected: [409, 412],
    });
    if (made.status >= 400) {
      const uid = await folderNamed(client, title);
      return { uid, step: step('nothing', title) };
    }
  }
  return { uid: FOLDER_UID, step: step('create', title) };
}

/** Older Grafanas refuse a second folder with a title that is there. */
async function folderNamed(client: GrafanaClient, title: string): Promise<string> {
  const { body } = await client.request({
    method: 'GET',
    path: '/api/folders?limit=1000',
    purpose: 'read the folders',
    role: 'Viewer',
  });
  const found = (Array.isArray(body) ? body : []).map(members).find((folder) => folder.title === title);
  if (typeof found?.uid === 'string') return found.uid;
  throw new GrafanaError('refused', `Grafana has a folder called ${title} that may not be read`);
}

// ------------------------------------------------------------------------------------------------ dashboard

async function pushDashboard(
  client: GrafanaClient,
  dashboard: DashboardJson,
  folderUid: string,
  mode: Mode,
): Promise<Step> {
  const hash = contentHash(content(dashboard));
  const there = await findDashboard(client, dashboard.uid);
  const step = (did: Step['did'], why: string | null, lines: readonly string[] = []): Step => ({
    what: 'dashboard',
    name: dashboard.title,
    did,
    why,
    differences: lines,
  });
  if (there === null) {
    if (mode.write)
      await save(client, dashboard, { hash, id: null, version: 0, folderUid, force: mode.force });
    return step('create', null);
  }

  const { json, meta } = there;
  const mark = markOf(json);
  const isUntouched = await nobodyChanged(client, dashboard.uid, json, mark);
  if (isUntouched && mark === hash) return step('nothing', null);
  const lines = differences(content(json), content(dashboard));
  if (meta.provisioned === true) {
    return lines.length === 0
      ? step('nothing', null)
      : step(
          'kept',
          'it comes from a file of Grafana’s provisioning, which always wins: change it there',
          lines,
        );
  }
  if (!isUntouched && lines.length > 0 && !mode.force) return step('kept', CHANGED_THERE, lines);
  if (mode.write) {
    await save(client, dashboard, {
      hash,
      id: json.id,
      version: json.version,
      folderUid: typeof meta.folderUid === 'string' ? meta.folderUid : folderUid,
      force: mode.force,
    });
  }
  return step('update', null, lines);
}

interface Place {
  readonly hash: string;
  readonly id: unknown;
  readonly version: unknown;
  readonly folderUid: string;
  readonly force: boolean;
}

async function save(client: GrafanaClient, dashboard: DashboardJson, place: Place): Promise<void> {
  const { hash, id, version, folderUid, force } = place;
  const answer = await client.request({
    method: 'POST',
    path: '/api/dashboards/db',
    body: {
      dashboard: { ...dashboard, tags: [...dashboard.tags, `${TAG_OF_MARK}${hash}`], id, version },
      // without one it stands at the top
      ...(folderUid === '' ? {} : { folderUid }),
      overwrite: force,
      message: messageOf(hash),
    },
    purpose: `save the dashboard ${dashboard.title}`,
    role: 'Editor',
    expected: [412],
  });
  if (answer.status === 412) throw notSaved(dashboard, answer);
}

function notSaved({ title, uid }: DashboardJson, { body }: Answer): GrafanaError {
  const { status, message } = members(body);
  switch (status) {
    case 'version-mismatch':
      return new GrafanaError(
        'refused',
        `somebody saved the dashboard ${title} at this moment: run it again`,
      );
    case 'name-exists':
      return new GrafanaError(
        'refused',
        `another dashboard in the folder is called ${title} (and has not the uid ${uid}): rename or move it`,
      );
    default:
      return new GrafanaError(
        'refused',
        `Grafana does not save the dashboard ${title}: ${shown(String(message ?? status))}`,
      );
  }
}

async function findDashboard(
  client: GrafanaClient,
  uid: string,
): Promise<{
  readonly json: Readonly<Record<string, unknown>>;
  readonly meta: Readonly<Record<string, unknown>>;
} | null> {
  const { status, body } = await client.request({
    method: 'GET',
    path: `/api/dashboards/uid/${uid}`,
    purpose: 'read the dashboard',
    role: 'Viewer',
    expected: [404],
  });
  if (status === 404) return null;
  const { dashboard, meta } = members(body);
  return { json: members(dashboard), meta: members(meta) };
}

async function nobodyChanged(
  client: GrafanaClient,
  uid: string,
  json: Readonly<Record<string, unknown>>,
  mark: string | null,
): Promise<boolean> {
  if (mark === null) return false;
  if (contentHash(content(json)) === mark) return true;
  const { status, body } = await client.request({
    method: 'GET',
    path: `/api/dashboards/uid/${uid}/versions?limit=1`,
    purpose: 'read the history of the dashboard',
    role: 'Viewer',
    expected: [403, 404],
  });
  if (status !== 200) return false;
  const versions = Array.isArray(body) ? body : members(body).versions;
  const [latest] = Array.isArray(versions) ? versions.map(members) : [];
  return latest?.message === messageOf(mark);
}

const TAG_OF_MARK = 'vipwatch-pushed-';

function messageOf(hash: string): string {
  return `vipwatch dashboards push (${hash})`;
}

function markOf({ tags }: Readonly<Record<string, unknown>>): string | null {
  const tag = (Array.isArray(tags) ? tags : []).find(isMark);
  return typeof tag === 'string' ? tag.slice(TAG_OF_MARK.length) : null;
}

function isMark(tag: unknown): boolean {
  return typeof tag === 'string' && tag.startsWith(TAG_OF_MARK);
}

/** A dashboard without what Grafana counts, what a newer one writes into all of them, and what we mark. */
function content(dashboard: object): object {
  const { id: _id, version: _version, schemaVersion: _schema, tags, panels, ...rest } = members(dashboard);
  return {
    ...rest,
    tags: (Array.isArray(tags) ? tags : []).filter((tag) => !isMark(tag)),
    panels: (Array.isArray(panels) ? panels : []).map((panel) => {
      const { pluginVersion: _plugin, ...said } = members(panel);
      return said;
    }),
  };
}
