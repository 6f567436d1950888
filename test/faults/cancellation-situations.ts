import { create } from '@bufbuild/protobuf';
import { BrokenStreamPolicy, CallContextSchema, type CompleteRequest } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { helloRequest } from '../support/calls.ts';
import type { DoorClient } from '../support/doors.ts';
import { until } from '../support/scene.ts';
import { RETRIES, type Stage } from './cancellation-stage.ts';

const { complete } = LlmService.method;

/** Where a call is when its caller leaves. */
export interface Situation {
  readonly name: string;
  readonly model: string;
  readonly more?: Partial<Pick<CompleteRequest, 'fallbackModels' | 'onBrokenStream'>>;
  /** How many answers of providers it takes for the call to end. Undefined: it ends by its timeout only. */
  readonly answers: number | undefined;
  /** It ends in an error, whether or not anybody leaves. */
  readonly fails?: boolean;
  /** The first connection to the provider is open already, and it takes no other request on it. */
  readonly onKept?: boolean;
  /** Another call has the only turn: for good, or until right before the caller leaves. */
  readonly turn?: 'held' | 'given';
}

const RESTART = { onBrokenStream: BrokenStreamPolicy.RESTART };
const ELSEWHERE = { ...RESTART, fallbackModels: ['second/silent'] };

export const situations: readonly Situation[] = [
  { name: 'queued', model: 'narrow/silent', answers: 1, turn: 'held' },
  { name: 'given a turn', model: 'narrow/silent', answers: 1, turn: 'given' },
  { name: 'backing off', model: 'first/failing', answers: RETRIES + 1, fails: true },
  { name: 'connecting', model: 'deaf/silent', answers: undefined },
  { name: 'before headers', model: 'first/silent', answers: 1 },
  { name: 'sent again on a new connection', model: 'first/again', answers: 1, onKept: true },
  { name: 'mid-stream', model: 'second/drip', answers: 1 },
  { name: 'hedged', model: 'either', answers: 1 },
  { name: 'to be hedged later', model: 'rather', answers: 1 },
  { name: 'shadowed', model: 'first/drip', answers: 1 },
  { name: 'escalating', model: 'first/cut', answers: 2, more: RESTART },
  { name: 'going on elsewhere', model: 'first/broken', answers: 2, more: ELSEWHERE },
];

/** A call in this situation. Its line in the log has the name of the session. */
export const requestIn = ({ model, more }: Situation, sessionId: string): CompleteRequest =>
  Object.assign(helloRequest(model), more, { context: create(CallContextSchema, { sessionId }) });

/** A call that has the only turn. What it gives ends it. */
export async function holdTurn(client: DoorClient, stage: Stage): Promise<() => void> {
  const { received } = stage;
  const abort = new AbortController();
  void client.unary(complete, helloRequest('narrow/held'), { signal: abort.signal });
  await until('the call that has the turn', () => stage.received > received);
  return () => abort.abort();
}

/** Leaves a connection to the provider open. */
export async function keepConnection(client: DoorClient, stage: Stage): Promise<void> {
  const { error } = await client.unary(complete, helloRequest('first/kept'));
  if (error || stage.open.sockets !== 1) throw new Error('no connection was kept');
}
