import type { Duration } from '@bufbuild/protobuf/wkt';
import {
  BrokenStreamPolicy,
  CacheMode,
  type CallContext,
  type CompleteRequest,
  Priority,
  type Reasoning,
  ReasoningEffort,
  type ResponseFormat,
  ToolChoiceMode,
} from '#gen/antiphon/v1/completion_pb.js';
import { ModelTier, TaskComplexity } from '#gen/antiphon/v1/model_pb.js';
import { optionsWithinBounds, schemaProblem } from './json.ts';
import { checkMessages } from './messages.ts';
import { Violations, withinBytes } from './violations.ts';

/**
 * Enforces the rules that completion.proto writes on the fields of a request. Errors: `invalid_request` with every
 * field at fault.
 */
export function validateCompleteRequest(request: CompleteRequest): void {
  const found = new Violations();
  found.check(withinBytes(request.model, 256), 'model', 'must be at most 256 bytes');
  checkMessages(request.messages, found);
  checkRouting(request, found);
  checkSampling(request, found);
  checkTools(request, found);
  checkResponseFormat(request.responseFormat, found);
  checkReasoning(request.reasoning, found);
  checkContext(request.context, found);
  found.check(
    cacheKey.test(request.promptCacheKey),
    'prompt_cache_key',
    'must be at most 64 characters from space to "~"',
  );
  found.check(withinBytes(request.idempotencyKey, 255), 'idempotency_key', 'must be at most 255 bytes');
  checkCache(request, found);
  checkAttribution(request, found);
  found.throwIfAny();
}

/** How a broken stream goes on may also be said of a call that does not stream: none of its answer is sent before the end. */
function checkRouting(request: CompleteRequest, found: Violations): void {
  const { tier, complexity, preferredProviders, fallbackModels, priority, onBrokenStream } = request;
  found.check(ModelTier[tier] !== undefined, 'tier', 'must be FAST, BALANCED or PREMIUM');
  found.check(TaskComplexity[complexity] !== undefined, 'complexity', 'must be SIMPLE, MODERATE or COMPLEX');
  found.check(preferredProviders.length <= 16, 'preferred_providers', 'must have at most 16 names');
  for (const [i, name] of preferredProviders.slice(0, 16).entries()) {
    found.check(withinBytes(name, 64), `preferred_providers[${i}]`, 'must be at most 64 bytes');
  }
  found.check(fallbackModels.length <= 16, 'fallback_models', 'must have at most 16 models');
  for (const [i, model] of fallbackModels.slice(0, 16).entries()) {
    found.check(model !== '' && withinBytes(model, 256), `fallback_models[${i}]`, 'must be 1 to 256 bytes');
  }
  found.check(Priority[priority] !== undefined, 'priority', 'must be LOW, NORMAL or HIGH');
  found.check(BrokenStreamPolicy[onBrokenStream] !== undefined, 'on_broken_stream', 'must be FAIL or RESTART');
}

/** Also false for NaN and the infinities, which a double may be. */
const within = (value: number | undefined, low: number, high: number): boolean =>
  value === undefined || (value >= low && value <= high);

function checkSampling(request: CompleteRequest, found: Violations): void {
  const { temperature, topP, topK, maxTokens, stop } = request;
  found.check(within(temperature, 0, 2), 'temperature', 'must be from 0 to 2');
  found.check(within(topP, 0, 1) && topP !== 0, 'top_p', 'must be greater than 0 and at most 1');
  found.check(topK !== 0, 'top_k', 'must be at least 1');
  found.check(maxTokens !== 0, 'max_tokens', 'must be at least 1');
  found.check(stop.length <= 16, 'stop', 'must have at most 16 texts');
  for (const [i, text] of stop.entries()) {
    found.check(text !== '' && withinBytes(text, 256), `stop[${i}]`, 'must be 1 to 256 bytes');
  }
}

const toolName = /^[A-Za-z0-9_-]{1,64}$/;
const NAME_RULE = 'must be 1 to 64 characters of A-Z, a-z, 0-9, "_" and "-"';

function checkTools(request: CompleteRequest, found: Violations): void {
  const { tools, toolChoice, parallelToolCalls } = request;
  found.check(tools.length <= 128, 'tools', 'must have at most 128 tools');
  const names = new Set<string>();
  for (const [i, { name, parameters }] of tools.slice(0, 128).entries()) {
    found.check(toolName.test(name), `tools[${i}].name`, NAME_RULE);
    found.check(!names.has(name), `tools[${i}].name`, 'must not be the name of another tool');
    const problem = parameters === '' ? undefined : schemaProblem(parameters, 'object');
    if (problem) found.add(`tools[${i}].parameters`, problem);
    names.add(name);
  }
  found.check(toolChoice === undefined || tools.length > 0, 'tool_choice', 'needs tools');
  found.check(parallelToolCalls === undefined || tools.length > 0, 'parallel_tool_calls', 'needs tools');
  checkToolChoice(toolChoice?.choice, names, found);
}

function checkToolChoice(
  choice: NonNullable<CompleteRequest['toolChoice']>['choice'] | undefined,
  names: ReadonlySet<string>,
  found: Violations,
): void {
  if (!choice) return;
  if (choice.case === undefined) found.add('tool_choice', 'must have mode or name');
  else if (choice.case === 'name')
    found.check(names.has(choice.value), 'tool_choice.name', 'must be the name of one of the tools');
  else found.check(isKnown(ToolChoiceMode, choice.value), 'tool_choice.mode', 'must be AUTO, NONE or REQUIRED');
}

/** Whether an enum's value is one of the contract's, and not the unspecified one. */
const isKnown = (values: Readonly<Record<number, string>>, value: number): boolean =>
  value !== 0 && values[value] !== undefined;

function checkResponseFormat(responseFormat: ResponseFormat | undefined, found: Violations): void {
  if (!responseFormat) return;
  const { format } = responseFormat;
  if (format.case === undefined) found.add('response_format', 'must have text, json_object or json_schema');
  if (format.case !== 'jsonSchema') return;
  found.check(toolName.test(format.value.name), 'response_format.json_schema.name', NAME_RULE);
  const problem = schemaProblem(format.value.schema);
  if (problem) found.add('response_format.json_schema.schema', problem);
}

function checkReasoning(reasoning: Reasoning | undefined, found: Violations): void {
  if (!reasoning) return;
  const { amount } = reasoning;
  if (amount.case === undefined) found.add('reasoning', 'must have effort or budget_tokens');
  else if (amount.case === 'effort')
    found.check(
      isKnown(ReasoningEffort, amount.value),
      'reasoning.effort',
      'must be NONE, MINIMAL, LOW, MEDIUM, HIGH, XHIGH or MAX',
    );
  else found.check(amount.value > 0, 'reasoning.budget_tokens', 'must be at least 1');
}

const cacheKey = /^[\x20-\x7e]{0,64}$/;
const printable = /^[\x20-\x7e]{0,128}$/;

function checkContext(context: CallContext | undefined, found: Violations): void {
  const rule = 'must be at most 128 characters from space to "~"';
  found.check(printable.test(context?.traceId ?? ''), 'context.trace_id', rule);
  found.check(printable.test(context?.sourceAgent ?? ''), 'context.source_agent', rule);
  found.check(printable.test(context?.sessionId ?? ''), 'context.session_id', rule);
}

function checkCache({ cache }: CompleteRequest, found: Violations): void {
  if (!cache) return;
  found.check(CacheMode[cache.mode] !== undefined, 'cache.mode', 'must be DEFAULT, BYPASS, REFRESH or ONLY');
  found.check(cache.ttl === undefined || isCacheTtl(cache.ttl), 'cache.ttl', 'must be from 1 second to 24 hours');
}

const DAY_SECONDS = 24 * 60 * 60;

function isCacheTtl({ seconds, nanos }: Duration): boolean {
  const total = Number(seconds) + nanos / 1e9;
  return nanos >= 0 && nanos < 1e9 && total >= 1 && total <= DAY_SECONDS;
}

const requestType = /^[a-z0-9_.-]{0,64}$/;
const labelKey = /^[a-z0-9_.-]{1,64}$/;

function checkAttribution(request: CompleteRequest, found: Violations): void {
  found.check(
    requestType.test(request.requestType),
    'request_type',
    'must be at most 64 characters of a-z, 0-9, "_", "-" and "."',
  );
  const labels = Object.entries(request.labels);
  found.check(labels.length <= 16, 'labels', 'must have at most 16 entries');
  for (const [key, value] of labels.slice(0, 16)) {
    found.check(labelKey.test(key), 'labels', 'must have keys of 1 to 64 characters of a-z, 0-9, "_", "-" and "."');
    found.check(withinBytes(value, 256), 'labels', 'must have values of at most 256 bytes');
  }
  const bounded = optionsWithinBounds(request.providerOptions);
  found.check(bounded, 'provider_options', 'must be at most 8 levels deep and have at most 4,096 values');
}
