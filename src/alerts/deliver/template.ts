export interface WebhookTemplate {
  readonly body: unknown;
}
