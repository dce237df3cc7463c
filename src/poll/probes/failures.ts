/** What a failed connection says of the service, and what only of ourselves: as of a poll, but for what differs. */
import type { PollFailure } from '../../observation.ts';
import { failureOf as failureOfPoll, type Judgement } from '../failure.ts';

/**
 * A name that is not found is our resolver's word, and nothing is asked of a socket of ours. Whatever else is thrown while
 * an answer is read is an answer that makes no sense.
 */
const OF_PROBES: Judgement = {
  ours: new Set(['ENOTFOUND', 'EAI_FAIL', 'EACCES', 'EINVAL', 'EAFNOSUPPORT']),
  otherwise: 'answer',
};

export function failureOf(error: unknown): PollFailure {
  return failureOfPoll(error, OF_PROBES);
}
