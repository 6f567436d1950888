import { create } from '@bufbuild/protobuf';
import {
  type CompleteRequest,
  type CompleteResponse,
  CompleteResponseSchema,
  FinishReason,
  type Usage,
  UsageSchema,
} from '#gen/antiphon/v1/completion_pb.js';
import { unlessAborted } from '../core/abort.ts';
import { addWarnings, type Call } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { Complete } from '../core/complete.ts';
import { GatewayError } from '../core/errors.ts';
import type { Delta } from '../core/events.ts';
import { Fold } from '../core/fold.ts';
import { sleep } from '../core/sleep.ts';
import { estimateUsage } from '../core/usage.ts';
import { mocked } from '../core/warnings.ts';
import { mockAnswer } from './mock/answer.ts';
import { chance } from './mock/chance.ts';
import { type MockScript, type MockSettings, mockScript } from './mock/options.ts';
import { piecesOf } from './mock/pieces.ts';

/**
 * A backend without a model, for demos and tests: deterministic from the request and the seed. It echoes the last
 * user message; answers in JSON where JSON is asked for; calls a tool that it must call or that the message names.
 *
 * `provider_options["mock"]` may set, for one request: `reply`, `latency_ms`, `tokens_per_second`, `error_rate`,
 * `seed`, and `fault` (an error kind) with `fault_after_tokens`.
 */
export const mockBackend = (settings: MockSettings, clock: Clock): Complete =>
  async function mock(call) {
    const provider = call.target?.provider ?? 'mock';
    const script = mockScript(settings, provider, call.request.providerOptions[provider]);
    addWarnings(call.trail, [mocked()]);
    call.onConnected();
    const startedMs = clock.now();
    try {
      return await answer(call, script, clock);
    } finally {
      call.trail.upstreamMs += clock.now() - startedMs;
    }
  };

async function answer(call: Call, script: MockScript, clock: Clock): Promise<CompleteResponse> {
  await sleep(script.latencyMs, clock, call.signal);
  if (script.errorRate > 0 && chance(script.seed, call.request) < script.errorRate) throw mockFault('upstream_error');
  const whole = piecesOf(mockAnswer(call.request, script.reply));
  const pieces = whole.slice(0, call.request.maxTokens);
  const fold = await tell(call, script, pieces, clock);
  return create(CompleteResponseSchema, {
    content: [...fold.parts],
    ...ending(fold, pieces.length < whole.length),
    usage: usage(call.request, pieces.length),
    providerModel: call.target?.model ?? '',
  });
}

function ending(fold: Fold, cut: boolean): Pick<CompleteResponse, 'finishReason' | 'providerFinishReason'> {
  if (cut) return { finishReason: FinishReason.LENGTH, providerFinishReason: 'length' };
  const toolCall = fold.parts.some(({ part }) => part.case === 'toolCall');
  return toolCall
    ? { finishReason: FinishReason.TOOL_CALLS, providerFinishReason: 'tool_calls' }
    : { finishReason: FinishReason.STOP, providerFinishReason: 'stop' };
}

/** Gives out the pieces at the script's pace, and fails where the script says so. */
async function tell(call: Call, script: MockScript, pieces: readonly Delta[], clock: Clock): Promise<Fold> {
  const fold = new Fold();
  const paceMs = script.tokensPerSecond > 0 ? 1_000 / script.tokensPerSecond : 0;
  for (const [i, piece] of pieces.entries()) {
    if (script.fault && i >= script.fault.afterTokens) break;
    if (paceMs > 0 && i > 0) await sleep(paceMs, clock, call.signal);
    fold.add(piece);
    if (call.sink && !call.sink.emit(piece)) await unlessAborted(call.sink.ready(), call.signal);
    call.signal.throwIfAborted();
  }
  if (script.fault) throw mockFault(script.fault.kind);
  return fold;
}

const mockFault = (kind: GatewayError['kind']) =>
  new GatewayError(kind, `The mock provider failed with ${kind}, as it was told to.`);

/** The input is counted by length, the output exactly; for a mock both are the truth. */
function usage(request: CompleteRequest, outputTokens: number): Usage {
  const { inputTokens } = estimateUsage(request, []);
  return create(UsageSchema, {
    inputTokens,
    outputTokens: BigInt(outputTokens),
    totalTokens: inputTokens + BigInt(outputTokens),
  });
}
