import { create } from '@bufbuild/protobuf';
import {
  type CompleteResponse,
  CompleteResponseSchema,
  CostSchema,
  CostStatus,
} from '#gen/antiphon/v1/completion_pb.js';
import { unlessAborted } from '../../../src/core/abort.ts';
import { addWarnings, type Call, newTrail } from '../../../src/core/call.ts';
import type { Complete } from '../../../src/core/complete.ts';
import { type ErrorFacts, type ErrorKind, GatewayError } from '../../../src/core/errors.ts';
import { type Delta, textDelta } from '../../../src/core/events.ts';
import { Fold } from '../../../src/core/fold.ts';
import type { News } from '../../../src/core/news.ts';
import { type Hedging, noPolicy } from '../../../src/core/policy.ts';
import { sleep } from '../../../src/core/sleep.ts';
import { addSpent } from '../../../src/core/spent.ts';
import type { Target } from '../../../src/core/target.ts';
import { estimateUsage } from '../../../src/core/usage.ts';
import { dropped } from '../../../src/core/warnings.ts';
import { attempt } from '../../../src/layers/attempt.ts';
import type { RouteParts } from '../../../src/layers/route/parts.ts';
import { route } from '../../../src/layers/route.ts';
import type { Availability } from '../../../src/resilience/availability.ts';
import { hang, settle, testCall } from '../../support/calls.ts';
import { type FakeClock, fakeClock } from '../../support/fake-clock.ts';

/** What a target does when it is asked. */
export interface Script {
  /** How long it takes to begin, and then between its pieces, in milliseconds. */
  readonly afterMs?: number;
  readonly paceMs?: number;
  /** Only for a stream; otherwise they are the content of the answer. */
  readonly deltas?: readonly Delta[];
  /** Default: it answers. */
  readonly end?: ErrorKind | 'hang' | GatewayError;
  /** It is refused before the provider hears of it. */
  readonly isRefused?: boolean;
}

/** A request to a target. */
export interface Asked {
  readonly call: Call;
  readonly target: string;
  /** What it has answered so far. */
  readonly fold: Fold;
  /** It has answered or failed, and holds nothing any more. */
  isOver: boolean;
  /** As in its script. */
  readonly isRefused: boolean;
}

export interface Scene extends Pick<RouteParts, 'tell'> {
  readonly complete: Complete;
  readonly clock: FakeClock;
  readonly asked: Asked[];
  readonly news: News[];
  /** By "provider/model". What is not there is ready. */
  readonly availability: Record<string, Availability>;
  readonly fastestMs: Record<string, number>;
  /** How many permissions each provider gives. What is not there gives any number. */
  readonly permissions: Record<string, number>;
  /** Permissions and counts that were not given back, and how many there were. */
  readonly budget: { open: number; taken: string[]; counted: string[] };
  /** The targets that were asked, in order. */
  names(): string[];
}

export const target = (name: string): Target => {
  const [provider = '', model = ''] = name.split('/');
  return { provider, model };
};

export const nameOf = ({ provider, model }: Target): string => `${provider}/${model}`;

/** What a scripted target charges for every try. */
export const price = () => create(CostSchema, { status: CostStatus.PRICED, totalNanoUsd: 7n, inputNanoUsd: 7n });

type Scripts = Readonly<Record<string, Script | readonly Script[]>>;

/**
 * Routing over targets that follow scripts: the n-th time with the n-th script, then with the last one. `around` may
 * put something else in the place of a provider.
 */
export function sceneOf(scripts: Scripts, around: (stack: Complete, provider: string) => Complete = same): Scene {
  const clock = fakeClock();
  const asked: Asked[] = [];
  const news: News[] = [];
  const availability: Scene['availability'] = {};
  const fastestMs: Scene['fastestMs'] = {};
  const permissions: Scene['permissions'] = {};
  const budget: Scene['budget'] = { open: 0, taken: [], counted: [] };
  const tell = (one: News) => void news.push(one);
  const giveOut = (list: string[], provider: string) => {
    list.push(provider);
    budget.open++;
    return () => void budget.open--;
  };
  const complete = route({
    stackOf: (provider) => (provider === 'nowhere' ? undefined : around(stackOver(scripts, asked, clock), provider)),
    availability: (of) => availability[nameOf(of)] ?? 'ready',
    fastestMs: (of) => fastestMs[nameOf(of)],
    budgetOf: (provider) => ({
      take: () => {
        const isTaken = budget.taken.filter((name) => name === provider).length >= (permissions[provider] ?? 99);
        return isTaken ? undefined : giveOut(budget.taken, provider);
      },
      count: () => giveOut(budget.counted, provider),
    }),
    isInstant: ({ provider }) => provider === 'instant',
    clock,
    tell,
  });
  const names = () => asked.map((one) => one.target);
  return { complete, clock, asked, news, availability, fastestMs, permissions, budget, tell, names };
}

const same = (stack: Complete): Complete => stack;

function stackOver(scripts: Scripts, asked: Asked[], clock: FakeClock) {
  return (call: Call): Promise<CompleteResponse> => {
    const name = nameOf(call.target ?? target(''));
    const all = [scripts[name] ?? {}].flat();
    const script = all[Math.min(asked.filter((one) => one.target === name).length, all.length - 1)] ?? {};
    const one = { call, target: name, fold: new Fold(), isOver: false, isRefused: script.isRefused ?? false };
    asked.push(one);
    const provider = playing(script.isRefused ? { ...script, deltas: [] } : script, one, clock);
    if (script.isRefused) return provider(call);
    return attempt(clock, { started: () => undefined, ended: () => undefined })(provider)(call);
  };
}

/** Follows a script, as a backend does. */
const playing =
  ({ afterMs = 0, paceMs = 0, deltas = [textDelta('hello')], end }: Script, asked: Asked, clock: FakeClock) =>
  async (call: Call): Promise<CompleteResponse> => {
    const startedMs = clock.now();
    const { fold, target } = asked;
    addWarnings(call.trail, [dropped('top_k', target)]);
    try {
      await sleep(afterMs, clock, call.signal);
      for (const [i, delta] of deltas.entries()) {
        if (!call.sink && end) break;
        if (i > 0) await sleep(paceMs, clock, call.signal);
        fold.add(delta);
        if (call.sink && !call.sink.emit(delta)) await unlessAborted(call.sink.ready(), call.signal);
      }
      if (end === 'hang') return await hang(call);
      if (end) throw end instanceof GatewayError ? end : failed(end);
      return answer(target, fold);
    } catch (thrown) {
      if (call.signal.aborted && !asked.isRefused) noteBroken(call);
      throw thrown;
    } finally {
      call.trail.upstreamMs += clock.now() - startedMs;
      asked.isOver = true;
    }
  };

/** What was cut off has cost something. */
function noteBroken(call: Call): void {
  const spent = { usage: estimate(call), cost: price() };
  addSpent(call.trail, spent.usage, spent.cost);
  if (call.attempt) Object.assign(call.attempt, spent);
}

export const failed = (kind: ErrorKind, facts: ErrorFacts = {}) => new GatewayError(kind, `It is ${kind}.`, facts);

const answer = (name: string, fold: Fold): CompleteResponse =>
  create(CompleteResponseSchema, {
    content: [...fold.parts],
    providerModel: name,
    usage: { inputTokens: 3n, outputTokens: 2n, totalTokens: 5n },
    cost: price(),
  });

export interface CallInit extends Partial<Call> {
  readonly to: readonly string[];
  readonly hedging?: Hedging;
}

/** A call to these targets. */
export const callTo = ({ to, hedging, ...call }: CallInit): Call =>
  testCall({
    target: undefined,
    targets: to.map(target),
    policy: { ...noPolicy, hedging },
    trail: { ...newTrail(), selectionReason: 'named' },
    ...call,
  });

/** What a promise came to, if it did. */
export interface Outcome {
  response?: CompleteResponse;
  error?: GatewayError;
}

export function watch(promise: Promise<CompleteResponse>): Outcome {
  const outcome: Outcome = {};
  promise.then(
    (response) => Object.assign(outcome, { response }),
    (error) => Object.assign(outcome, { error }),
  );
  return outcome;
}

export const isOver = (outcome: Outcome): boolean => outcome.response !== undefined || outcome.error !== undefined;

/** Lets time pass until there is an outcome, or so much has passed. */
export async function pass(clock: FakeClock, outcome: Outcome, forMs = 100_000, stepMs = 1): Promise<void> {
  await settle();
  for (let ms = 0; ms < forMs && !isOver(outcome); ms += stepMs) {
    if (clock.pending > 0) clock.advance(stepMs);
    await settle();
    if (clock.pending === 0) return;
  }
}

/** What a try that lost will have cost here. */
export const estimate = (call: Call) => estimateUsage(call.request, []);
