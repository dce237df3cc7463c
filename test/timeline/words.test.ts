/** Small words of sentences. */
import { expect, it } from 'vitest';
import { briefly } from '../../src/timeline/words.ts';

it.each([
  [
    "error reconnecting to master 'repl@10.0.0.1:3306' - retry-time: 1  maximum-retries: 100000  message: Can't connect to server on '10.0.0.1'",
    "error reconnecting to master 'repl@10.0.0.1:3306': Can't connect to server on '…",
  ],
  [
    "error connecting to master 'r@a:3306' - retry-time: 60  retries: 2  message: Unknown host (HY000)",
    "error connecting to master 'r@a:3306': Unknown host (HY000)",
  ],
  ['connection refused: nobody listens there (ECONNREFUSED)', 'connection refused'],
])('an error in a sentence: %s', (error, brief) => {
  expect(briefly(error)).toBe(brief);
});
