/** A request's header by its lower-case name. Several of one name are joined with commas. */
export type HeaderLookup = (name: string) => string | undefined;

/** The longest key that is looked at. */
export const MAX_KEY_LENGTH = 512;

/** Printable ASCII without space and comma: a comma stands between the values of a header that came more than once. */
const KEY = /^[!-+\--~]+$/;
const BEARER = /^bearer +(?=\S)/i;

/** Where clients put a key, besides `authorization`: those of Anthropic and of Azure. */
const KEY_HEADERS = ['x-api-key', 'api-key'];

/** The key that came with a request; or why there is none that could be looked up. */
export type PresentedKey = { readonly key: string } | { readonly why: 'missing' | 'malformed' };

const malformed = { why: 'malformed' } as const;

/** Reads the key of a request. One that comes in several headers must be the same in all. */
export function presentedKey(header: HeaderLookup): PresentedKey {
  const authorization = header('authorization');
  const found = KEY_HEADERS.map(header).filter((value) => value !== undefined);
  if (authorization !== undefined) {
    if (!BEARER.test(authorization)) return malformed;
    found.push(authorization.replace(BEARER, ''));
  }
  const [key] = found;
  if (key === undefined) return { why: 'missing' };
  const isOne = found.every((other) => other === key);
  return isOne && key.length <= MAX_KEY_LENGTH && KEY.test(key) ? { key } : malformed;
}
