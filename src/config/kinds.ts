import type { ProviderKind } from '../providers/provider.ts';
import { providerKinds } from '../providers/registry.ts';

/** The kind of a provider whose name is no kind, and the name of one that was given none. */
export const COMPATIBLE = 'openai_compatible';

/** The built-in provider that answers without a model, which no registry has. */
export const MOCK = 'mock';

/** Every word for a kind, those that are preferred where nobody chose first. */
export const kindNames: readonly string[] = [...providerKinds.keys(), MOCK];

/** The variables that are about the provider which has its kind's name. */
export interface VariablesOfKind {
  readonly kind: string;
  /** Of these, which all name its key, the first that is set counts. There is at least one. */
  readonly keys: readonly string[];
  readonly baseUrl: string;
  readonly folderId: string | undefined;
}

/** The variable for a provider's address or key: "GROQ_BASE_URL". */
export const providerVariable = (provider: string, field: 'BASE_URL' | 'API_KEY'): string =>
  `${provider.toUpperCase().replaceAll('-', '_')}_${field}`;

const variablesOf = ({ kind, variables }: ProviderKind): VariablesOfKind => ({
  kind,
  keys: variables?.keys ?? [providerVariable(kind, 'API_KEY')],
  baseUrl: providerVariable(kind, 'BASE_URL'),
  folderId: variables?.folderId,
});

/** Those of every kind but the one for any server, which LLM_BASE_URL and LLM_API_KEY are for. */
export const variablesOfKinds: readonly VariablesOfKind[] = [...providerKinds.values()]
  .filter(({ kind }) => kind !== COMPATIBLE)
  .map(variablesOf);

/** The most keys that variables can give to one provider. */
const MOST_KEYS = 9;

/**
 * The names for each key of a kind: for the first, `OPENAI_API_KEY`; for the second, `OPENAI_API_KEY_2`; and so on. Of
 * several names for one key, the first that is set counts.
 */
export const keyVariables = ({ keys }: VariablesOfKind): readonly (readonly string[])[] =>
  Array.from({ length: MOST_KEYS }, (_, i) => (i === 0 ? keys : keys.map((name) => `${name}_${i + 1}`)));

/** Every variable that holds a key. */
export const allKeyVariables: readonly string[] = [
  'LLM_API_KEY',
  ...variablesOfKinds.flatMap((variables) => keyVariables(variables).flat()),
];
