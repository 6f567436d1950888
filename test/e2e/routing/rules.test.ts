import { describe, expect, it } from 'vitest';
import { Priority } from '#gen/antiphon/v1/completion_pb.js';
import { until } from '../../support/scene.ts';
import type { Line, Script } from '../../support/upstream.ts';
import { hangs, says } from './answers.ts';
import { type Asked, from, hows, setStage, tries } from './stage.ts';

describe('the priority of a rule', () => {
  const file = {
    models: { default: 'a/one' },
    routing: {
      rules: [
        { name: 'batch', match: { request_types: ['batch'] }, priority: 'low' },
        { name: 'live', match: { request_types: ['live'] }, priority: 'high' },
      ],
    },
  };

  it('says who goes first where there is too little room, and wins over that of the request', async () => {
    const waiting: Line[] = [];
    const stage = await setStage(
      { a: (line) => void waiting.push(line) },
      { file, providers: { a: { max_concurrency: 1 } } },
    );
    const ask = (name: string, asked: Asked) => stage.ask({ ...asked, messages: [{ role: 3, content: [said(name)] }] });
    const first = ask('first', {});
    await until('the one turn to be taken', () => waiting.length === 1);
    const { HIGH, LOW } = Priority;
    const all = [first];
    for (const [name, asked] of [
      ['batch', { requestType: 'batch', priority: HIGH }],
      ['low', { priority: LOW }],
      ['normal', {}],
      ['live', { requestType: 'live', priority: LOW }],
      ['high', { priority: HIGH }],
    ] as const) {
      const queued = all.length;
      all.push(ask(name, asked));
      await until('the call to wait', async () =>
        (await stage.gateway.metrics()).includes(`llm_queued_calls{provider="a"} ${queued}`),
      );
    }
    for (let n = 0; n < all.length; n++) {
      await until('the next', () => waiting.length === n + 1);
      const line = waiting[n];
      if (line) await says('x')(line, n);
    }
    await Promise.all(all);
    const order = stage.upstreams.a?.received.map(({ body }) => JSON.parse(body).messages[0].content);
    expect(order).toEqual(['first', 'live', 'high', 'normal', 'batch', 'low']);
  });

  const said = (value: string) => ({ part: { case: 'text' as const, value } });
});

describe('the timeouts of a rule', () => {
  /** Begins to answer, and then says nothing more. */
  const begins: Script = (line) => {
    line.startStream();
    line.text('On the one hand');
  };
  const rule = (timeouts: object) => ({
    models: { default: 'a/one' },
    routing: { rules: [{ name: 'quick', match: { request_types: ['quick'] }, timeouts, fallbacks: ['b/one'] }] },
  });

  it.each([
    ['total_ms', 'unary', hangs],
    ['first_token_ms', 'stream', hangs],
    ['stream_total_ms', 'stream', hangs],
  ] as const)('%s bounds its calls, and no others (%s)', async (name, how, script) => {
    const more = name === 'stream_total_ms' ? { first_token_ms: 60, idle_ms: 60 } : {};
    const stage = await setStage({ a: script, b: says('B') }, { file: rule({ [name]: 60, ...more }) });
    const abort = new AbortController();
    let isOver = false;
    const other = stage.ask({}, { how, signal: abort.signal }).finally(() => (isOver = true));
    await until('the other call', () => stage.asked.length === 1);
    const reply = await stage.ask({ requestType: 'quick' }, { how });
    expect(from(reply)).toBe('b/one');
    expect(tries(reply)).toEqual(['a/one: upstream timeout: went on to b/one', 'b/one: ']);
    expect(isOver).toBe(false);
    abort.abort();
    await other;
    await stage.closed('a');
  });

  it('idle_ms bounds the pauses of a stream', async () => {
    const stage = await setStage({ a: begins, b: says('B') }, { file: rule({ idle_ms: 60 }) });
    const { error } = await stage.ask({ requestType: 'quick' }, { how: 'stream' });
    expect(error?.errorInfo?.reason).toBe('UPSTREAM_TIMEOUT');
    expect(stage.asked).toEqual(['a/one']);
    await stage.closed('a');
  });
});

it('goes by the first rule that matches, and by no other', async () => {
  const rules = [
    { name: 'first', match: { request_types: ['x'] }, targets: ['b/one'] },
    { name: 'second', match: { request_types: ['x', 'y'] }, targets: ['a/one'], fallbacks: ['b/one'] },
  ];
  const stage = await setStage({ a: says('A'), b: says('B') }, { file: { routing: { rules } } });
  for (const how of hows) {
    expect(from(await stage.ask({ requestType: 'x' }, { how }))).toBe('b/one');
    expect(from(await stage.ask({ requestType: 'y' }, { how }))).toBe('a/one');
  }
});
