/** Whoever starts capture processes for the main process: the launcher, or a test. */
export interface CaptureLink {
  /** where captures connect to; in a folder that only this user can enter */
  readonly socketPath: string;
  /** false: nobody here may open a packet socket, and captures need not be asked for */
  readonly permitted: boolean;
  start(interfaceName: string, join: boolean): void;
  /** Ends the capture of the interface at once (SIGKILL). Harmless where none runs. */
  stop(interfaceName: string): void;
  /** Told for each capture that ended, whatever the reason; once it is, the next may be started. */
  onExit(listener: (interfaceName: string, status: number | null) => void): void;
}
