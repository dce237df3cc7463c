/**
 * The InfluxDB sink's thread: the journal, read only, goes in at one end, requests come out at the other. All that
 * a million points cost is spent here, and not where frames are taken or events are made durable.
 */
import { setImmediate as othersTurn } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { JournalReader } from '../journal/journal-reader.ts';
import { InfluxDatabase } from '../sinks/influx-database.ts';
import { InfluxSink } from '../sinks/influx-sink.ts';
import { InfluxWriter } from '../sinks/influx-writer.ts';
import type { FromThread, ThreadData, ToThread } from './influx-link.ts';

type Asked = Extract<FromThread, { number: number }>;
type Unnumbered<T> = T extends unknown ? Omit<T, 'number'> : never;

const { journalPath, settings }: ThreadData = workerData;
const journal = JournalReader.open(journalPath);
const database = new InfluxDatabase(settings);
const owed = new Map<
  number,
  { readonly answer: (seq: number) => void; readonly refuse: (error: Error) => void }
>();
let asked = 0;

// Between two pages the loop has its turn, so that the next batch is read while one is on its way.
const sink = new InfluxSink({
  source: {
    async ordinalEventsAfter(seq, limit) {
      await othersTurn();
      return journal.ordinalEventsAfter(seq, limit);
    },
    async samplesAfter(seq, limit) {
      await othersTurn();
      return journal.samplesAfter(seq, limit);
    },
    cursor: (reader, stream) => ask({ kind: 'cursor', reader, stream }),
    advance: async (reader, seq, stream) => {
      await ask({ kind: 'advance', reader, seq, stream });
    },
  },
  writer: new InfluxWriter(settings),
  create: (missing) => database.create(missing),
  lastSeq: () => journal.lastSeq(),
  onProgress: (progress) => tell({ kind: 'progress', ...progress }),
  onTrouble: (trouble) => tell({ kind: 'trouble', trouble }),
  onRemark: (text) => tell({ kind: 'remark', text }),
});

parentPort?.on('message', (message: ToThread) => {
  switch (message.kind) {
    case 'wake':
      sink.wake();
      break;
    case 'answer':
      owed.get(message.number)?.answer(message.seq);
      owed.delete(message.number);
      break;
    case 'refusal':
      owed.get(message.number)?.refuse(new Error(message.error));
      owed.delete(message.number);
      break;
    case 'stop':
      void stop();
  }
});
sink.wake();

async function stop(): Promise<void> {
  await sink.stop();
  journal.close();
  parentPort?.close();
}

function ask(question: Unnumbered<Asked>): Promise<number> {
  return new Promise((answer, refuse) => {
    const number = ++asked;
    owed.set(number, { answer, refuse });
    tell({ ...question, number });
  });
}

function tell(message: FromThread): void {
  parentPort?.postMessage(message);
}
