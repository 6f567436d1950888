import { fallbackBackend } from './backends/fallback.ts';
import { mediaFetcher } from './backends/http/media.ts';
import { type MediaRoom, mediaRoom } from './backends/http/media-room.ts';
import { askCompletion, askWithin, type ProbeSource, startProbes } from './backends/http/probe.ts';
import { type ListingNews, startRefresh } from './backends/http/refresh.ts';
import type { HttpBackend } from './backends/http.ts';
import type { Answers } from './cache/answers.ts';
import { placesOf } from './cache/place.ts';
import type { Directory } from './catalogue/directory.ts';
import { isKeepingCheaper, priceOf, promptCacheEffect } from './catalogue/price.ts';
import type { Config } from './config/config.ts';
import type { Clock } from './core/clock.ts';
import { type Complete, compose, type NamedLayer } from './core/complete.ts';
import { GatewayError } from './core/errors.ts';
import type { Tell } from './core/news.ts';
import type { Redact } from './core/redact.ts';
import type { Target } from './core/target.ts';
import { Claims } from './idempotency/claims.ts';
import { afford } from './layers/afford.ts';
import { attempt } from './layers/attempt.ts';
import { breaker } from './layers/breaker.ts';
import { budget } from './layers/budget.ts';
import { cache } from './layers/cache.ts';
import { concurrency } from './layers/concurrency.ts';
import { deadline } from './layers/deadline.ts';
import { escalate } from './layers/escalate.ts';
import { fitContext } from './layers/fit.ts';
import { govern } from './layers/govern.ts';
import { idempotency } from './layers/idempotency.ts';
import { divert, impersonate } from './layers/impersonate.ts';
import { type KeyAside, type KeyRing, keyRefusals } from './layers/keys/key-ring.ts';
import { keys } from './layers/keys.ts';
import { media } from './layers/media.ts';
import { type Observer, observe } from './layers/observe.ts';
import { promptCache } from './layers/prompt-cache.ts';
import { retry } from './layers/retry.ts';
import { route } from './layers/route.ts';
import { rules } from './layers/rules.ts';
import { type Shadows, shadow } from './layers/shadow.ts';
import { shed } from './layers/shed.ts';
import { timeouts } from './layers/timeouts.ts';
import { type Quotas, quotas } from './quotas/quotas.ts';
import { Pressure } from './resilience/pressure.ts';
import type { ProviderState, ProviderStates } from './resilience/provider-states.ts';
import { expectedCost } from './routing/expected-cost.ts';
import { FALLBACK_PROVIDER, isAnswer } from './routing/goals.ts';
import { ruleFinder } from './routing/rules.ts';
import { type Select, selector } from './routing/selection.ts';
import type { Ledgers, Store } from './stores/store.ts';
import type { ContentCapture } from './telemetry/content.ts';
import type { KeysAside } from './telemetry/key-metrics.ts';
import type { CallMetrics } from './telemetry/metrics.ts';
import type { CallOutcome } from './telemetry/record.ts';
import { PromptHints } from './thrift/prompt-hints.ts';
import { type Upstream, upstream } from './upstreams.ts';

export interface GatewayParts {
  readonly config: Config;
  readonly models: Directory;
  /** What is known of providers. It outlives this gateway. */
  readonly states: ProviderStates;
  /** Where it is kept what callers have used. It outlives this gateway. */
  readonly ledgers: Ledgers;
  /** Where it is kept what was answered to idempotency keys. It outlives this gateway. */
  readonly store: Pick<Store, 'get' | 'put' | 'compareAndSet'>;
  readonly clock: Clock;
  readonly redact: Redact;
  /** Keeps the record of a call that is over. */
  readonly record: (outcome: CallOutcome) => void;
  readonly metrics: Pick<CallMetrics, 'started' | 'ended'>;
  /** What spans say of conversations. Undefined: nothing. */
  readonly capture?: ContentCapture | undefined;
  /** The answers that are kept. They outlive this gateway. */
  readonly answers: Answers;
  /** Is told what happens on the way of calls. */
  readonly tell: Tell;
  /** Is told when a provider has refused a key, so that it is left alone for a while. */
  readonly keyAside: (provider: string, aside: KeyAside) => void;
  /** The share of the process's memory that is in use, from 0 to 1. */
  readonly memoryShare: () => number;
  readonly newId: () => string;
  /** Is told what providers' own listings say. Undefined: they are not read. */
  readonly listings?: ListingNews;
}

export interface Gateway {
  readonly complete: Complete;
  /** Those of its keys that this provider has refused. */
  keysAside(provider: string): readonly KeyAside[];
  /** How many that are, of each provider with keys and for each reason. */
  keyCounts(): readonly KeysAside[];
  /**
   * Asks a provider for its list of models, no longer than a probe. Undefined: there is no such provider, or it has no
   * list. Errors: those of the provider. Aborts: the connection is closed at once.
   */
  asker(provider: string): ((signal: AbortSignal) => Promise<void>) | undefined;
  /** How short the process is of time and memory. */
  readonly strain: Pick<Pressure, 'delayMs' | 'memoryShare'>;
  /** Ends what it asks providers by itself. Calls go on. */
  retire(): void;
  /** Breaks off what is under way with providers, and resolves when nothing is open any more. */
  close(): Promise<void>;
}

/** The layers around every call, outermost first. The order is behaviour: each line says why it stands where it does. */
export const callLayers = (
  { config, models, clock, record, tell, capture, answers, store }: GatewayParts,
  made: {
    readonly providerName: Observer['providerName'];
    readonly pressure: Pressure;
    readonly select: Select;
    readonly shadows: Shadows;
    readonly limits: Quotas;
  },
): NamedLayer[] => [
  // Outermost, so that refusals are counted too.
  { name: 'observe', layer: observe({ record, clock, capture, providerName: made.providerName }) },
  // Before whether there is room for a call: what goes first is for the rules to say.
  { name: 'rules', layer: rules(ruleFinder(config.routing.rules)) },
  // Before any work: what is refused for want of time or memory must need none.
  { name: 'shed', layer: shed({ pressure: made.pressure, clock, tell }) },
  // Before all that takes time: it turns the caller's deadline into the signal that everything below obeys.
  { name: 'deadline', layer: deadline(clock) },
  // Before any key is looked up: what is not allowed costs nothing and touches nothing.
  config.enabled
    ? { name: 'govern', layer: govern({ ...models, select: made.select }) }
    : { name: 'divert', layer: divert(answerOf(config), 'models are switched off') },
  // Below governance, so that the mock is refused whatever the real provider would be; and off with all models.
  ...(config.mockEverything && config.enabled ? [{ name: 'impersonate', layer: impersonate('mock') }] : []),
  // Below governance, and above the cache: a repeated call is one call, which is looked up and paid once.
  {
    name: 'idempotency',
    layer: idempotency({
      settings: config.idempotency,
      claims: new Claims({ store, clock, settings: config.idempotency }),
      stallMs: config.timeouts.stallMs,
      clock,
      tell,
    }),
  },
  // Below the choice of models, which is part of what is asked, and above all that costs money: a hit is free.
  {
    name: 'cache',
    layer: cache({
      settings: config.cache,
      answers,
      placeOf: placesOf(config.providers),
      stallMs: config.timeouts.stallMs,
      clock,
      tell,
    }),
  },
  // Above all that costs, so that what cannot be paid is not begun; and settled however a call ends.
  { name: 'budget', layer: budget({ ...made.limits, isFree: isAnswer }) },
  // Above all that chooses or repeats, so that a call has one shadow.
  { name: 'shadow', layer: made.shadows.layer },
  // Above the choice of a target: it judges the answer of all of them.
  { name: 'escalate', layer: escalate({ clock, tell }) },
];

/** The layers around each provider, outermost first. */
export const targetLayers = (
  { config, models, states, clock, metrics, tell, keyAside }: GatewayParts,
  { name, wantsBytes, promptCaching, ring }: Pick<Upstream, 'name' | 'wantsBytes' | 'promptCaching' | 'ring'>,
  { budget, turns }: Pick<ProviderState, 'budget' | 'turns'>,
  room: MediaRoom,
): NamedLayer[] => [
  // Outermost: it depends on the target's facts, and all below on what it leaves of the request.
  { name: 'fit', layer: fitContext({ settings: config.thrift, limitsOf: models.find, tell }) },
  // Below what may change how a prompt begins, and above all that repeats: a second try is no second sight.
  {
    name: 'prompt_cache',
    layer: promptCache({
      hints: new PromptHints(config.thrift, clock),
      cachingOf: promptCaching,
      isCheaper: (target) => isKeepingCheaper(models.price(target)),
    }),
  },
  // Above all that takes time: what cannot be paid here is not begun here.
  { name: 'afford', layer: afford() },
  // Above all that repeats, so that no try fetches again, and a slow server of files does not count against the provider.
  ...(wantsBytes
    ? [{ name: 'media', layer: media(mediaFetcher({ ...config.media, clock, room, wanted: wantsBytes }), clock) }]
    : []),
  // Above the breaker, so that each try is judged.
  { name: 'retry', layer: retry({ settings: config.retry, budget, clock, tell, fastestMs: fastestOf(states) }) },
  // Above all that may wait, so that a call that is refused holds nothing.
  { name: 'breaker', layer: breaker({ stateOf: (target) => states.targets.of(target), clock }) },
  // Above the turn and the record of a try, so that each key that was tried has its own.
  { name: 'keys', layer: keys(ring, (aside) => keyAside(name, aside)) },
  // Below whatever may refuse, and above the record: waiting for a turn is no try.
  { name: 'concurrency', layer: concurrency(turns, clock, tell, fastestOf(states)) },
  // One record and one span for each time the provider is really asked.
  { name: 'attempt', layer: attempt(clock, metrics) },
  // Innermost, so that no waiting of the gateway's own counts against the provider.
  { name: 'timeouts', layer: timeouts(config.timeouts, clock) },
];

/** Puts everything together: the only place that knows every layer. */
export function gateway(parts: GatewayParts): Gateway {
  const { config, clock, models } = parts;
  const { enabled } = config;
  const price: HttpBackend['price'] = (target, usage, billing) => priceOf(usage, billing, models.price(target));
  const upstreams = enabled
    ? config.providers.map((settings) => upstream(settings, { ...parts, price: billed(parts, price) }))
    : [];
  const stacks = stacksOf(parts, upstreams);
  const rings = new Map(upstreams.map(({ name, ring }) => [name, ring]));
  const telemetryNames = new Map(upstreams.map(({ name, telemetryName }) => [name, telemetryName]));
  const stackOf = (provider: string) => stacks.get(provider);
  const shadows = shadow({ ...parts, send: sender(stackOf) });
  const limits = limiting(parts, price);
  const pressure = new Pressure(config.shedding, clock, parts.memoryShare);
  pressure.start();
  const providerName = (provider: string) => telemetryNames.get(provider);
  const layers = callLayers(parts, { providerName, pressure, shadows, limits, select: selecting(parts) });
  const rounds = [refreshing(parts, upstreams), probing(parts, upstreams)];
  const stopAsking = () => Promise.all(rounds.map((each) => each?.close()));
  return {
    complete: compose(layers, routing(parts, stackOf)),
    keysAside: (provider) => rings.get(provider)?.aside ?? [],
    keyCounts: () => [...rings].flatMap(([provider, ring]) => countsOf(provider, ring)),
    asker: (provider) => {
      const ask = upstreams.find(({ name }) => name === provider)?.ask;
      return ask && ((signal) => askWithin(config.probes.timeoutMs, ask, clock, signal));
    },
    strain: pressure,
    retire: () => void stopAsking(),
    async close() {
      pressure.stop();
      await Promise.all([shadows.close(), stopAsking()]);
      await Promise.all(upstreams.map((each) => each.close()));
      await limits.settled();
    },
  };
}

/** Tells what prompt caches do to the price of answers. */
const billed =
  ({ models, tell }: GatewayParts, price: HttpBackend['price']): HttpBackend['price'] =>
  (target, usage, billing) => {
    const { savedNanoUsd = 0n, surchargeNanoUsd = 0n } = promptCacheEffect(usage, billing, models.price(target)) ?? {};
    if (savedNanoUsd + surchargeNanoUsd > 0n) tell({ type: 'prompt_cache', target, savedNanoUsd, surchargeNanoUsd });
    return price(target, usage, billing);
  };

/** All that stands around each provider, and the provider. */
function stacksOf(parts: GatewayParts, upstreams: readonly Upstream[]): ReadonlyMap<string, Complete> {
  const { config, states, tell } = parts;
  const room = mediaRoom(config.media.maxHeldBytes);
  const stacks = new Map<string, Complete>();
  for (const each of upstreams) {
    const state = states.of(each.name);
    if (state) stacks.set(each.name, compose(targetLayers(parts, each, state, room), each.backend));
  }
  const { answers } = config.fallback;
  const layer = attempt(parts.clock, parts.metrics);
  return stacks.set(FALLBACK_PROVIDER, layer(fallbackBackend({ answers, enabled: config.enabled, tell })));
}

const limiting = ({ config, ledgers, clock, tell }: GatewayParts, price: HttpBackend['price']): Quotas =>
  quotas({
    settings: config.quotas,
    ledgers,
    clock,
    tell,
    price,
    isFree: isAnswer,
    // A call may go on to as many models as fit into it; more than two of the longest are not foreseen.
    longestCallMs: 2 * Math.max(config.timeouts.totalMs, config.timeouts.streamTotalMs),
  });

/** The answer of the configuration that needs no model. */
const answerOf = ({ fallback }: Config): Target => ({ provider: FALLBACK_PROVIDER, model: fallback.always ?? '' });

const fastestOf =
  (states: ProviderStates) =>
  (target: Target): number | undefined =>
    states.targets.of(target).latency.fastestMs;

const NO_BUDGET = { take: () => undefined, count: () => () => undefined };

const routing = (
  { states, clock, tell }: GatewayParts,
  stackOf: (provider: string) => Complete | undefined,
): Complete =>
  route({
    stackOf,
    availability: (target) => states.availability(target),
    budgetOf: (provider) => states.of(provider)?.budget ?? NO_BUDGET,
    fastestMs: fastestOf(states),
    isInstant: isAnswer,
    clock,
    tell,
  });

function selecting({ config, models, states, clock }: GatewayParts): Select {
  const { always, answers } = config.fallback;
  const last = always === undefined ? undefined : answerOf(config);
  const measures = {
    latencyMs: (target: Target) => states.targets.of(target).latency.ewmaMs,
    busy: (target: Target) => states.targets.of(target).active,
    costNanoUsd: expectedCost((target) => models.price(target)),
  };
  return selector({ settings: config.routing, models, fallbackAnswers: answers, measures, clock, last });
}

/** Sends a call to its target, past all that chooses. */
const sender =
  (stackOf: (provider: string) => Complete | undefined): Complete =>
  async (call) => {
    const stack = call.target && stackOf(call.target.provider);
    if (!stack) throw new GatewayError('internal', 'No provider can take this call.');
    return stack(call);
  };

function countsOf(provider: string, { size, aside }: KeyRing): KeysAside[] {
  if (size === 0) return [];
  return keyRefusals.map((reason) => ({ provider, reason, keys: aside.filter(({ kind }) => kind === reason).length }));
}

/** Undefined: the configuration wants no listings to be read, or nobody is told of them. */
function refreshing({ config, clock, listings }: GatewayParts, upstreams: readonly Upstream[]) {
  const { refreshMs } = config.catalogue;
  if (refreshMs === undefined || !listings) return undefined;
  const sources = upstreams.flatMap(({ listing }) => listing ?? []);
  return startRefresh({ sources, everyMs: refreshMs, news: listings, clock });
}

function probing(parts: GatewayParts, upstreams: readonly Upstream[]) {
  const { config, states, clock } = parts;
  const { everyMs, by } = config.probes;
  const probed = everyMs === undefined ? [] : upstreams;
  const sources = probed.flatMap((each): (ProbeSource & Pick<Upstream, 'name'>)[] => {
    const { name } = each;
    const state = states.of(name);
    const ask = by === 'listing' ? each.ask : state && completionProbe(parts, each, state);
    if (!state || !ask) return [];
    const { probe } = state;
    // Otherwise there would be no probe at all where the configuration changes more often than an interval is long.
    return [{ name, ask, idleMs: probe.idleMs, ended: (error, durationMs) => probe.ended(error, durationMs) }];
  });
  // What the last probe of all has said would hold for ever.
  for (const { name } of config.providers)
    if (!sources.some((source) => source.name === name)) states.of(name)?.probe.forget();
  return startProbes({ sources, settings: config.probes, clock });
}

/** Undefined: the provider has no model that may be called. */
function completionProbe(parts: GatewayParts, each: Upstream, state: ProviderState): ProbeSource['ask'] | undefined {
  const { models, clock, newId } = parts;
  const provider = each.name;
  const model = models.list().find((one) => one.provider === provider && one.allowed)?.id;
  if (model === undefined) return undefined;
  // Without repeats: they would cost once more, and make a failure of one probe out of several.
  const layers = targetLayers(parts, each, state, mediaRoom(0)).filter(({ name }) => name !== 'retry');
  const stack = compose(layers, each.backend);
  return (signal) => askCompletion(stack, { provider, model }, newId(), clock, signal);
}
