import type { CompleteRequest, Part, Usage } from '#gen/antiphon/v1/completion_pb.js';
import { ModelAbility } from '#gen/antiphon/v1/model_pb.js';
import type { ModelFacts } from '../catalogue/facts.ts';
import { estimateUsage } from '../core/usage.ts';

/** What a request asks of a model. */
export interface Demand {
  readonly abilities: ReadonlySet<ModelAbility>;
  /** An estimate. */
  readonly usage: Usage;
}

/** The output that an answer is expected to have where the request sets no bound: about a page. */
const TYPICAL_OUTPUT_TOKENS = 500;

/** Reads the whole request once, and is worth it only where there is a choice. */
export function demandOf(request: CompleteRequest): Demand {
  const { messages, tools, responseFormat, maxTokens } = request;
  const abilities = new Set<ModelAbility>();
  for (const { content } of messages) addAbilities(content, abilities);
  if (tools.length > 0) abilities.add(ModelAbility.TOOLS);
  if (responseFormat?.format.case === 'jsonSchema') abilities.add(ModelAbility.JSON_SCHEMA);
  const usage = estimateUsage(request, []);
  usage.outputTokens = BigInt(maxTokens ?? TYPICAL_OUTPUT_TOKENS);
  usage.totalTokens = usage.inputTokens + usage.outputTokens;
  return { abilities, usage };
}

function addAbilities(content: readonly Part[], abilities: Set<ModelAbility>): void {
  for (const { part } of content) {
    if (part.case === 'image') abilities.add(ModelAbility.IMAGE_INPUT);
    else if (part.case === 'audio') abilities.add(ModelAbility.AUDIO_INPUT);
    else if (part.case === 'document') abilities.add(ModelAbility.DOCUMENT_INPUT);
    else if (part.case === 'toolResult') addAbilities(part.value.content, abilities);
  }
}

/** False only if it is known that the model cannot do it. */
export function canMeet(facts: ModelFacts | undefined, { abilities, usage }: Demand): boolean {
  if (!facts) return true;
  const mostInput = facts.maxInputTokens ?? facts.contextWindowTokens ?? Number.POSITIVE_INFINITY;
  return hasAll(facts.abilities, abilities) && Number(usage.inputTokens) <= mostInput;
}

const hasAll = (known: readonly ModelAbility[], wanted: ReadonlySet<ModelAbility>): boolean =>
  known.length === 0 || [...wanted].every((ability) => known.includes(ability));

/** The same, read when it is first asked for. */
export function lazyDemand(request: CompleteRequest): () => Demand {
  let demand: Demand | undefined;
  return () => {
    demand ??= demandOf(request);
    return demand;
  };
}
