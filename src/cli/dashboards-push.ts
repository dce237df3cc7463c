/**
 * `vipwatch dashboards push` and `diff`: what was done, or would be, one line each; below it how what is in Grafana
 * differs, where a person changed it.
 */
import { DASHBOARDS } from '../dashboards/dashboards.ts';
import { GrafanaClient, GrafanaError, shown } from '../grafana/client.ts';
import { type Mode, push, type Step } from '../grafana/push.ts';
import type { GrafanaSettings } from '../grafana/settings.ts';
import { configurationOf } from './configuration.ts';
import { type Output, UsageError } from './output.ts';

export interface DashboardsOptions {
  readonly config?: string;
  readonly force?: boolean;
}

/** 1 where something stays as a person changed it. */
export async function dashboardsPush(options: DashboardsOptions, output: Output): Promise<number> {
  const steps = await pushed(options, { write: true, force: options.force === true }, output);
  const done = steps.filter(({ did }) => did === 'create' || did === 'update').length;
  const kept = steps.filter(({ did }) => did === 'kept').length;
  if (done === 0 && kept === 0) output.line('Nothing to do: all of it is there already.');
  output.flush();
  return kept === 0 ? 0 : 1;
}

/** 1 where there is a difference. */
export async function dashboardsDiff(options: DashboardsOptions, output: Output): Promise<number> {
  const steps = await pushed(options, { write: false, force: false }, output);
  const differing = steps.filter(({ did }) => did !== 'nothing').length;
  if (differing === 0) output.line('No difference.');
  output.flush();
  return differing === 0 ? 0 : 1;
}

async function pushed(options: DashboardsOptions, mode: Mode, output: Output): Promise<readonly Step[]> {
  const settings = await grafanaOf(options.config, output);
  const { credentials } = settings;
  if (credentials === null) {
    throw new UsageError(
      "no credentials for Grafana: a service account's token as grafana.token or in the environment as GRAFANA_TOKEN, or grafana.user and grafana.password",
    );
  }
  const client = new GrafanaClient({ ...settings, credentials });
  const wanted = { dataSource: settings.dataSource, folder: settings.folder, dashboards: DASHBOARDS };
  const steps: Step[] = [];
  try {
    for await (const step of push(client, wanted, mode)) {
      steps.push(step);
      for (const line of stepLines(step, mode)) output.line(line);
      output.flush();
    }
  } catch (error) {
    if (error instanceof GrafanaError) throw new UsageError(error.message, { cause: error });
    throw error;
  } finally {
    client.close();
  }
  if (steps.some(({ did }) => did === 'create')) output.line(`${settings.url}/d/${DASHBOARDS[0]?.uid}`);
  return steps;
}

/** Out of the configuration, else out of the environment alone. */
export async function grafanaOf(file: string | undefined, output: Output): Promise<GrafanaSettings> {
  const configuration = await configurationOf(file, output);
  if (configuration !== null && configuration.grafana !== null) return configuration.grafana;
  if (process.env.GRAFANA_URL === undefined) {
    throw new UsageError(
      `${file === undefined ? 'which Grafana? Say' : `${file} has no section grafana: say`} it with -c in a vipwatch.yaml (grafana: {url: …, token: …}), or in the environment with GRAFANA_URL and GRAFANA_TOKEN`,
    );
  }
  const { ConfigurationError } = await import('../config/located-yaml.ts');
  const { parseConfiguration } = await import('../config/read.ts');
  try {
    const { grafana } = parseConfiguration(FROM_ENVIRONMENT, 'environment', process.env);
    if (grafana !== null) return grafana;
  } catch (error) {
    if (error instanceof ConfigurationError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
  throw new UsageError('GRAFANA_URL is empty');
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration's own
const FROM_ENVIRONMENT = 'grafana: {url: "${GRAFANA_URL}"}';

const DIFFERENCES_MAX = 20;

const SAID: Readonly<Record<Step['did'], readonly [done: string, wouldBe: string]>> = {
  create: ['created', 'is not there: would be created'],
  update: ['updated', 'would be updated'],
  nothing: ['unchanged', 'no difference'],
  kept: ['KEPT', 'would be KEPT'],
};

function* stepLines({ what, name, did, why, differences }: Step, { write }: Mode): Generator<string> {
  const said = SAID[did][write ? 0 : 1];
  yield `${what} ${shown(name)}: ${said}${why === null ? '' : ` (${why})`}`;
  if (did !== 'kept' && write) return;
  // What a newer Grafana adds to every dashboard says least.
  const isAddition = (line: string) => line.endsWith(', nothing here');
  const telling = [...differences].sort((a, b) => Number(isAddition(a)) - Number(isAddition(b)));
  for (const line of telling.slice(0, DIFFERENCES_MAX)) yield `    ${shown(line)}`;
  const more = differences.length - DIFFERENCES_MAX;
  if (more > 0) yield `    … and ${more} more`;
}
