import { openai } from './openai.ts';
import { openaiCompatible } from './openai-compatible.ts';
import type { ProviderKind } from './provider.ts';

/** Every kind of provider that asks a server, in the order in which they are preferred where nobody chose. */
const kinds: readonly ProviderKind[] = [openai, openaiCompatible];

/** All kinds, by the word for each in the configuration. */
export const providerKinds: ReadonlyMap<string, ProviderKind> = new Map(kinds.map((kind) => [kind.kind, kind]));
