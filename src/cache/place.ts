/** What says where a provider is, and which of its interfaces is called. */
export interface Place {
  readonly name: string;
  readonly kind: string;
  readonly baseUrl: URL | undefined;
  readonly api: string | undefined;
}

/** Where each provider is: behind another address the same names may be other models. Empty: there is none of this name. */
export function placesOf(providers: readonly Place[]): (provider: string) => string {
  const places = new Map(providers.map(({ name, kind, baseUrl, api }) => [name, [kind, baseUrl?.href, api].join(' ')]));
  return (provider) => places.get(provider) ?? '';
}
