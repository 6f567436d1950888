import type { Effort } from '../../dialects/grammar/efforts.ts';
import type { Sampling } from '../../dialects/grammar/sampling.ts';

/** What one of OpenAI's models takes. */
export interface ModelRules {
  /** Is not offered by chat completions. */
  readonly responsesOnly: boolean;
  /** By chat completions, takes function tools only together with the reasoning effort "none". */
  readonly toolsWithoutReasoning: boolean;
  readonly reasons: boolean;
  /** The efforts that are taken. Empty: none can be asked for. */
  readonly efforts: readonly Effort[];
  /** The role that instructions are sent under. */
  readonly instructions: 'system' | 'developer';
  /** When `temperature` and `top_p` are taken. */
  readonly sampling: Sampling;
  /** The most stop texts that chat completions take. */
  readonly maxStops: number;
  /** Takes explicit breakpoints of the prompt cache. */
  readonly cacheBreakpoints: boolean;
}

/** A model that does not reason, which is also what is assumed of those that no rule names. */
const plain: ModelRules = {
  responsesOnly: false,
  toolsWithoutReasoning: false,
  reasons: false,
  efforts: [],
  instructions: 'system',
  sampling: 'always',
  maxStops: 4,
  cacheBreakpoints: false,
};

const reasons = (
  efforts: readonly Effort[],
  sampling: ModelRules['sampling'],
  more: Partial<ModelRules> = {},
): ModelRules => ({ ...plain, reasons: true, instructions: 'developer', efforts, sampling, ...more });

const LOW_TO_HIGH = ['low', 'medium', 'high'] as const;
const LOW_TO_XHIGH = [...LOW_TO_HIGH, 'xhigh'] as const;
const LOW_TO_MAX = [...LOW_TO_XHIGH, 'max'] as const;
const MEDIUM_TO_XHIGH = ['medium', 'high', 'xhigh'] as const;

const responsesOnly = { responsesOnly: true };
const marks = { cacheBreakpoints: true };

/**
 * What the models take; the first row that fits counts.
 *
 * Sources, read 2026-11-21: the npm packages openai 7.55.0 (resources/shared.d.ts, resources/responses/responses.d.ts),
 * @ai-sdk/openai 4.0.118 (the table of abilities in dist/index.js) and @earendil-works/pi-ai 1.5.2
 * (dist/providers/data/openai.json).
 */
const rows: readonly (readonly [RegExp, ModelRules])[] = [
  [/^gpt-5-pro/, reasons(['high'], 'never', responsesOnly)],
  [/^gpt-5\.5-pro/, reasons(MEDIUM_TO_XHIGH, 'never', responsesOnly)],
  [/^o[13]-pro|codex|deep-research/, reasons(LOW_TO_HIGH, 'never', responsesOnly)],
  [/^gpt-[5-9][^/]*-chat/, plain],
  [/^gpt-5\.\d+-pro/, reasons(MEDIUM_TO_XHIGH, 'never')],
  [/^gpt-5\.1/, reasons(['none', ...LOW_TO_HIGH], 'effort_none')],
  [/^gpt-5\.[2-5]/, reasons(['none', ...LOW_TO_XHIGH], 'effort_none')],
  [/^gpt-5\.6/, reasons(['none', ...LOW_TO_MAX], 'effort_none', { toolsWithoutReasoning: true, ...marks })],
  [/^gpt-5/, reasons(['minimal', ...LOW_TO_HIGH], 'never')],
  [/^gpt-6-(?:sol|luna)|^gpt-6\.1-terra/, reasons(['none', ...LOW_TO_MAX], 'effort_none', marks)],
  [/^gpt-[6-9]/, reasons(LOW_TO_MAX, 'never', marks)],
  [/^o1-(?:mini|preview)/, reasons([], 'never', { instructions: 'system' })],
  [/^o3(?!-mini)|^o4-mini/, reasons(LOW_TO_HIGH, 'never', { maxStops: 0 })],
  [/^o\d/, reasons(LOW_TO_HIGH, 'never')],
];

/** The rules for a model. A fine-tuned one, such as `ft:gpt-4.1:acme::abc`, follows those of the model it is made of. */
export function modelRules(model: string): ModelRules {
  const base = model.replace(/^ft:/, '');
  return rows.find(([pattern]) => pattern.test(base))?.[1] ?? plain;
}
