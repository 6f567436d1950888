import { type Dispatcher, Pool } from 'undici';
import { providerNames } from './workload.ts';

const HEADERS = { 'content-type': 'application/json', authorization: 'Bearer bench' };

const poolOf = (baseUrl: string) =>
  new Pool(baseUrl, { connections: 1024, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });

/** Connections to providers, without bounds. */
export class BarePools {
  readonly #pools: ReadonlyMap<string, Pool>;

  /** Where providers are, in the order of their names. */
  constructor(baseUrls: readonly string[]) {
    this.#pools = new Map(baseUrls.map((baseUrl, i) => [providerNames[i] ?? '', poolOf(baseUrl)]));
  }

  /** Sends a chat to the provider that "provider/id" names. `bodyOf` makes its body, of the id. */
  dispatch(name: string, bodyOf: (model: string) => string, handler: Dispatcher.DispatchHandler): void {
    const slash = name.indexOf('/');
    const body = bodyOf(name.slice(slash + 1));
    this.#pools
      .get(name.slice(0, slash))
      ?.dispatch({ method: 'POST', path: '/v1/chat/completions', headers: HEADERS, body }, handler);
  }
}
