import { expect, it } from 'vitest';
import { added } from './send.ts';

it.each<[string, boolean | undefined, object]>([
  ['k', true, { prompt_cache_key: 'k' }],
  ['k\ud83d', true, { prompt_cache_key: 'k\ufffd' }],
  ['', true, {}],
  ['k', false, {}],
  ['k', undefined, {}],
])('the key %j is sent where it is taken: %s', (promptCacheKey, taken, expected) => {
  expect(added({ promptCacheKey }, taken === undefined ? {} : { promptCacheKey: taken })).toEqual(expected);
});
