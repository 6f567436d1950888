import { describe, expect, it } from 'vitest';
import type { Target } from '../../src/core/target.ts';
import { ambiguousIds, type Place } from '../../src/routing/ambiguity.ts';

const places: readonly Place[] = [
  { name: 'a', ids: ['x', 'only-a', 'x'] },
  { name: 'b', ids: ['x', 'y'] },
  { name: 'c', ids: ['x', 'y'] },
];
const all = () => true;

interface Case {
  readonly says: string;
  readonly order?: readonly string[];
  readonly routes?: readonly string[];
  readonly allowed?: (target: Target) => boolean;
  readonly found: Readonly<Record<string, readonly string[]>>;
}

const x = ['a', 'b', 'c'];
const y = ['b', 'c'];

describe('ambiguousIds', () => {
  it.each<Case>([
    { says: 'nothing is ordered', found: { x, y } },
    { says: 'one of two is named, so the other goes last', order: ['c'], found: { x } },
    { says: 'one of three is named', order: ['a'], found: { x, y } },
    { says: 'all but one are named', order: ['c', 'b'], found: {} },
    { says: 'all are named', order: ['a', 'b', 'c'], found: {} },
    { says: 'another one is named', order: ['d'], found: { x, y } },
    { says: 'a route has the name', routes: ['x'], found: { y } },
    { says: 'it is allowed at one only', allowed: ({ provider }) => provider === 'b', found: {} },
    {
      says: 'it is not allowed at one of three',
      allowed: ({ provider }) => provider !== 'c',
      found: { x: ['a', 'b'] },
    },
    {
      says: 'what is allowed is ordered',
      allowed: ({ provider, model }) => model === 'x' && provider !== 'c',
      order: ['b'],
      found: {},
    },
  ])('$says', ({ order = [], routes = [], allowed = all, found }) => {
    const ids = ambiguousIds(places, allowed, order, new Set(routes));
    expect(Object.fromEntries(ids.map(({ id, providers }) => [id, providers]))).toEqual(found);
  });
});
