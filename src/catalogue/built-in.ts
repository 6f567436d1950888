import { anthropicModels } from './anthropic.ts';
import { googleModels } from './google.ts';
import { mockModels } from './mock.ts';
import { openaiModels } from './openai.ts';
import { Shelf } from './shelf.ts';

/** Matches nothing. */
const NO_SUFFIX = /(?!)/;

const shelves: ReadonlyMap<string, Shelf> = new Map([
  ['openai', new Shelf(openaiModels, /-\d{4}-\d{2}-\d{2}$/)],
  ['anthropic', new Shelf(anthropicModels, /-(?:\d{8}|latest|0)$/)],
  ['google', new Shelf(googleModels, /-(?:\d{3}|latest)$/)],
  ['mock', new Shelf(mockModels, NO_SUFFIX)],
]);

const NOTHING = new Shelf([], NO_SUFFIX);

/** The kinds of providers of which models are built in. */
export const builtInKinds = (): readonly string[] => [...shelves.keys()];

/** What is built in for a kind of provider; maybe nothing. */
export const builtIn = (kind: string): Shelf => shelves.get(kind) ?? NOTHING;
