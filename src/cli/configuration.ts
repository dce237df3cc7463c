/** The configuration that a command was given with `-c`; its mistakes are the command line's. */
import type { Configuration } from '../config/read.ts';
import { type Output, UsageError } from './output.ts';

/** Null where none was given. What may not be meant is remarked upon. */
export async function configurationOf(
  file: string | undefined,
  output: Output,
): Promise<Configuration | null> {
  if (file === undefined) return null;
  const { readConfiguration } = await import('../config/read.ts');
  const { ConfigurationError } = await import('../config/located-yaml.ts');
  let configuration: Configuration;
  try {
    configuration = readConfiguration(file, process.env);
  } catch (error) {
    if (error instanceof ConfigurationError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
  for (const remark of configuration.remarks) output.remark(`note: ${remark}`);
  return configuration;
}
