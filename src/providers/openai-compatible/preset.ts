import { routedByKey } from '../../core/prompt-caching.ts';
import { efforts } from '../../dialects/grammar/efforts.ts';
import type { OpenAiChatQuirks } from '../../dialects/openai-chat/quirks.ts';
import { openaiChat } from '../../dialects/openai-chat.ts';
import type { CompatFlags, ProviderKind } from '../provider.ts';
import { listing } from './listing.ts';

type Quirks = Partial<OpenAiChatQuirks>;

/** What makes one place that speaks OpenAI's chat format different from the others. */
export interface Preset {
  readonly kind: string;
  /** Undefined: it has to be configured. */
  readonly baseUrl: string | undefined;
  /** Default: true. */
  readonly needsKey?: boolean;
  /** From the name it was given. Default: the kind. */
  readonly telemetryName?: (name: string) => string;
  /** How it wants to be given the key. Default: as a bearer token. */
  readonly sign?: (key: string) => Readonly<Record<string, string>>;
  /** Whether GET /models tells which models it answers by this format. Default: true. */
  readonly lists?: boolean;
  /** What it, or one of its models, does not do as most servers do. */
  readonly quirks?: Quirks | ((model: string) => Quirks);
}

/** A kind of provider that speaks OpenAI's chat format. The flags of its configuration win over its quirks. */
export const preset = ({ kind, baseUrl, needsKey = true, sign = bearer, quirks, ...more }: Preset): ProviderKind => ({
  kind,
  baseUrl,
  needsKey,
  settings: ['compat'],
  apis: [],
  create: ({ name, baseUrl: address, headers, compat }) => {
    const quirksOf = quirksFor(quirks, compat ? flagged(compat) : {});
    const chat = openaiChat(quirksOf);
    return {
      name,
      telemetryName: more.telemetryName?.(name) ?? kind,
      baseUrl: address,
      dialect: () => chat,
      headers: (_, key) => ({ ...(key === undefined ? {} : sign(key)), ...headers }),
      promptCaching: (model) => (quirksOf(model).promptCacheKey ? routedByKey : undefined),
      requestIdHeader: 'x-request-id',
      ...(more.lists === false ? {} : { listing }),
    };
  },
});

/** Those of a model; made once where all models are alike. */
function quirksFor(quirks: Preset['quirks'], flags: Quirks): (model: string) => OpenAiChatQuirks {
  if (typeof quirks === 'function') return (model) => ({ ...usual, ...quirks(model), ...flags });
  const same = { ...usual, ...quirks, ...flags };
  return () => same;
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

/** What suits most servers. What it does not speak of is sent as it is: the server knows best what it takes. */
const usual: OpenAiChatQuirks = {
  useInstead: undefined,
  maxTokensField: 'max_tokens',
  instructions: 'system',
  streamUsage: true,
  obfuscation: false,
  jsonSchema: false,
  efforts,
  sampling: 'always',
  toolsWithoutReasoning: false,
  maxStops: 16,
  topK: false,
  maxToolCallId: 512,
  replayReasoning: false,
  replayReasoningDetails: false,
};

const flagged = ({ developerRole, reasoningEffort, ...flags }: Partial<CompatFlags>): Quirks => ({
  ...flags,
  ...(developerRole === undefined ? {} : { instructions: developerRole ? 'as_given' : 'system' }),
  ...(reasoningEffort === undefined ? {} : { efforts: reasoningEffort ? efforts : [] }),
});
