export interface StatusDocument {
  readonly now: string;
}
