/** A model at a provider. */
export interface Target {
  /** The name under which the provider is configured. */
  readonly provider: string;
  /** The model's id, as the provider knows it. */
  readonly model: string;
}
