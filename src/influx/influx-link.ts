/** What the thread of the InfluxDB sink and its host say to each other: plain data. */
import type { InfluxSettings } from '../sinks/influx-settings.ts';
import type { SinkTrouble, Stream } from '../sinks/refusals.ts';

export interface ThreadData {
  readonly journalPath: string;
  readonly settings: InfluxSettings;
}

export type ToThread =
  | { readonly kind: 'wake' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'answer'; readonly number: number; readonly seq: number }
  | { readonly kind: 'refusal'; readonly number: number; readonly error: string };

export type FromThread =
  /** Cursors are the journal's own: answered with the `seq` at which it stands. */
  | { readonly kind: 'cursor'; readonly number: number; readonly reader: string; readonly stream: Stream }
  | {
      readonly kind: 'advance';
      readonly number: number;
      readonly reader: string;
      readonly stream: Stream;
      readonly seq: number;
    }
  | { readonly kind: 'progress'; readonly written: number; readonly eventsWritten: number }
  | { readonly kind: 'trouble'; readonly trouble: SinkTrouble }
  | { readonly kind: 'remark'; readonly text: string };
