/** What the commands about alerts need to know: the rules and receivers of a configuration, or what goes without one. */
import { type AlertsConfiguration, receiverNames } from '../alerts/configuration.ts';
import type { DispatchSettings } from '../alerts/dispatch.ts';
import { readRuleBook } from '../config/alert-rules.ts';
import { ConfigurationError } from '../config/located-yaml.ts';
import type { Configuration } from '../config/read.ts';
import { UsageError } from './output.ts';

/** Stands for whoever would be told, where nobody is configured. */
const SOMEBODY = 'somebody';

export function alertSettingsOf(
  configuration: Configuration | null,
  rules: readonly string[] | undefined,
): Omit<DispatchSettings, 'start' | 'onDecision'> {
  const alerts: AlertsConfiguration | null = configuration?.alerts ?? null;
  const names = alerts === null ? [] : receiverNames(alerts);
  const receivers = names.length === 0 ? [SOMEBODY] : names;
  return {
    book: rules === undefined && alerts !== null ? alerts.rules : ruleBook(rules ?? [], names),
    receivers,
    mutesForeign: (configuration?.observer.clusters.length ?? 0) > 0 && alerts?.foreign !== true,
    maintenance: alerts?.maintenance ?? [],
  };
}

function ruleBook(files: readonly string[], receivers: readonly string[]): DispatchSettings['book'] {
  try {
    return readRuleBook(files, receivers.length === 0 ? null : receivers);
  } catch (error) {
    if (error instanceof ConfigurationError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
