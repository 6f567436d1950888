import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { expect } from 'vitest';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import type { DoorClient, DoorReply } from '../support/doors.ts';
import { until, type WayName, ways } from '../support/scene.ts';
import { tcpProxy } from '../support/tcp-proxy.ts';
import type { Leaving } from './cancellation-checks.ts';
import { LASTS_MS } from './cancellation-plays.ts';
import { holdTurn, keepConnection, requestIn, type Situation } from './cancellation-situations.ts';
import type { Open, Stage } from './cancellation-stage.ts';

const { complete, streamComplete, health } = LlmService.method;

export type Kind = 'unary' | 'stream';

/** When, and in which way, a caller leaves. */
export interface Moment {
  readonly kind: Kind;
  readonly way: WayName;
  readonly how: Leaving;
  /** After the call began. */
  readonly atMs: number;
  /** The call has a deadline, long after its caller has left. */
  readonly hasTime: boolean;
  /** It would not end by itself for long. */
  readonly isSlow: boolean;
}

/** Somebody who calls, and may lose the connection. */
interface Caller {
  readonly client: DoorClient;
  /** Ends the connection, if that is how it leaves. */
  hangUp(): void;
  close(): Promise<void>;
}

async function callerOf({ gateway }: Stage, { way, how }: Pick<Moment, 'way' | 'how'>): Promise<Caller> {
  const port = ways[way].port(gateway);
  const proxy = how === 'reset' || how === 'hangUp' ? await tcpProxy(port) : undefined;
  const client = ways[way].client(proxy?.port ?? port);
  return {
    client,
    hangUp: () => proxy?.[how === 'reset' ? 'reset' : 'hangUp'](),
    async close() {
      client.close();
      await proxy?.close();
    },
  };
}

let calls = 0;

export interface Begun {
  readonly session: string;
  readonly reply: Promise<DoorReply<unknown>>;
}

/** Begins a call. Its line in the log has this session. */
export function begin(client: DoorClient, situation: Situation, kind: Kind, options = {}): Begun {
  const session = `session-${++calls}-`;
  const request = requestIn(situation, session);
  const reply =
    kind === 'unary' ? client.unary(complete, request, options) : client.stream(streamComplete, request, options);
  return { session, reply };
}

/** What a call of this kind comes to if nobody leaves it. */
export interface Course {
  readonly lastsMs: number;
  readonly requests: number;
  readonly answers: number;
}

/** A call that nobody leaves. */
export async function undisturbed(stage: Stage, situation: Situation, kind: Kind): Promise<Course> {
  if (situation.answers === undefined) return { lastsMs: LASTS_MS, requests: 0, answers: Number.POSITIVE_INFINITY };
  const { client, close } = await callerOf(stage, { way: 'gRPC', how: 'cancel' });
  try {
    if (situation.onKept) await keepConnection(client, stage);
    const { received, answered, arrived } = stage;
    const startedMs = performance.now();
    const { error } = await begin(client, situation, kind).reply;
    const lastsMs = performance.now() - startedMs;
    expect(error !== undefined).toBe(situation.fails ?? false);
    expect(stage.arrived - arrived).toBe(1);
    await until('the end of what else was sent', () => stage.open.sockets === 0);
    const course = { lastsMs, requests: stage.received - received, answers: stage.answered - answered };
    expect(course.answers).toBe(situation.answers);
    return course;
  } finally {
    await close();
  }
}

/** Lets what is on its way on loopback arrive. */
export async function arrival(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await setImmediate();
}

/** Some timers of the doors run at once. */
const openNow = async (stage: Stage): Promise<Open> => {
  await delay(2);
  await arrival();
  return stage.open;
};

/** A caller right before its call, with all that has to be there, and what is to be left afterwards. */
export interface Scene extends Caller {
  /** Lets the call that has the turn go. */
  readonly giveTurn: (() => void) | undefined;
  left(): Open;
}

export async function setScene(stage: Stage, situation: Situation, moment: Moment): Promise<Scene> {
  const other = situation.turn && (await callerOf(stage, { way: 'gRPC', how: 'cancel' }));
  await other?.client.unary(health, {});
  const unconnected = await openNow(stage);
  const caller = await callerOf(stage, moment);
  await caller.client.unary(health, {});
  const connected = await openNow(stage);
  const giveTurn = other && (await holdTurn(other.client, stage));
  const held = await openNow(stage);
  if (situation.onKept) await keepConnection(caller.client, stage);
  const { received } = stage;
  const stays = moment.how === 'cancel' || moment.how === 'deadline';
  return {
    ...caller,
    giveTurn: situation.turn === 'given' ? giveTurn : undefined,
    left() {
      const holds = situation.turn === 'held';
      const isKept = situation.onKept && stage.received === received;
      return {
        sockets: holds || isKept ? 1 : 0,
        timers: (stays ? connected : unconnected).timers + (holds ? held.timers - connected.timers : 0),
      };
    },
    async close() {
      giveTurn?.();
      await caller.close();
      await other?.close();
    },
  };
}
