/** How models are named. */
export interface ModelNames {
  /** The name on the wire: `gpt://<folder>/<model>/<branch>`. */
  uri(model: string): string;
  /** The name without what is the same for all of them. */
  short(uri: string): string;
}
