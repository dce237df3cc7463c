/** `vipwatch alerts silence`: keeps quiet, for a while, what matches; lists and ends silences. Asks the daemon. */
import { userInfo } from 'node:os';
import type { SilenceAsked, SilenceTold } from '../alerts/silence-request.ts';
import { ControlRequestError } from '../control/client.ts';
import { instantFromIso } from '../time.ts';
import { type Output, UsageError } from './output.ts';
import { findDaemon, type PlaceOptions, placesOf } from './places.ts';
import { type Clock, LOCAL, UTC } from './terminal.ts';

export interface SilenceOptions extends PlaceOptions {
  readonly cluster?: string;
  readonly kind?: readonly string[];
  readonly subject?: string;
  /** milliseconds */
  readonly for?: number;
  readonly reason?: string;
  readonly author?: string;
  readonly list?: boolean;
  readonly expire?: string;
  readonly utc?: boolean;
}

export async function alertsSilence(options: SilenceOptions, output: Output): Promise<void> {
  const { cluster, kind, subject, for: forMs, reason, list, expire } = options;
  const asksFor = [list === true, expire !== undefined, forMs !== undefined].filter((each) => each).length;
  if (asksFor !== 1)
    throw new UsageError(
      'expected one of --for (with --reason), --list and --expire ID; --help has examples',
    );
  const places = await placesOf(options, output);
  const { found: daemon, why } = await findDaemon(places.sockets);
  if (daemon === null) throw new UsageError(why.join('\n'));
  const clock = options.utc === true ? UTC : LOCAL;
  try {
    if (list === true) {
      const silences = (await daemon.silences()) as readonly SilenceTold[];
      for (const silence of silences) output.line(lineOf(silence, clock));
      if (silences.length === 0) output.line('There are no silences.');
    } else if (expire !== undefined) {
      await daemon.expireSilence(expire);
      output.line(`Silence ${expire} is over.`);
    } else {
      if (reason === undefined) throw new UsageError('--reason is missing: say why, for whoever wonders');
      const asked: SilenceAsked = {
        ...(cluster === undefined ? {} : { cluster }),
        ...(kind === undefined ? {} : { kinds: kind }),
        ...(subject === undefined ? {} : { subject }),
        forMs: forMs ?? 0,
        reason,
        author: options.author ?? userInfo().username,
      };
      output.line(lineOf((await daemon.silence(asked)) as SilenceTold, clock));
      if (cluster === undefined && kind === undefined && subject === undefined)
        output.remark('note: without --cluster, --kind or --subject nobody is told of anything');
    }
  } catch (error) {
    if (error instanceof ControlRequestError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
  output.flush();
}

function lineOf(silence: SilenceTold, clock: Clock): string {
  const { id, cluster, kinds, subject, until, reason, author, active } = silence;
  const at = instantFromIso(until);
  const when = at === null ? until : `${clock.day(at)?.slice(0, 10) ?? ''} ${clock.time(at).slice(0, 5)}`;
  const what = [
    ...(cluster === undefined ? [] : [`cluster ${cluster}`]),
    ...(kinds === undefined ? [] : [`kinds ${kinds.join(', ')}`]),
    ...(subject === undefined ? [] : [`subject ${subject}`]),
  ];
  return `${id}  ${active ? 'until' : 'over since'} ${when}  ${what.length === 0 ? 'everything' : what.join(', ')}: ${reason} (${author})`;
}
