import { toBinary } from '@bufbuild/protobuf';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { helloRequest } from '../support/calls.ts';
import { grpcFrame, type RawReply, rawHttp2 } from '../support/raw-http2.ts';
import { callLines, type Scene, scene, wayNames } from '../support/scene.ts';
import { chatBody } from '../support/upstream.ts';

const { complete, streamComplete } = LlmService.method;
const PATH = '/antiphon.v1.LlmService/Complete';

/** Keys that every object has, or that change what it is. */
const KEYS = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__'];

/** No object has become another one by what came in. */
afterEach(() => {
  expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  expect((() => undefined).toString()).toMatch(/undefined/);
});

const stageOf = (body: string): Promise<Scene> => scene((line) => line.json(200, body));
const good = JSON.stringify(chatBody('x'));

async function postJson({ gateway }: Scene, fields: string) {
  const body = `{"model":"test-model","messages":[{"role":"ROLE_USER","content":[{"text":"hello"}]}],${fields}}`;
  const init = { method: 'POST', body, headers: { 'content-type': 'application/json' } };
  const response = await fetch(`http://127.0.0.1:${gateway.httpPort}${PATH}`, init);
  return { status: response.status, text: await response.text() };
}

/** A field of a message that is shorter than 128 bytes. */
const field = (number: number, content: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([(number << 3) | 2, content.length]), content]);
/** An entry of a map. */
const entry = (key: string, value: Uint8Array): Buffer => Buffer.concat([field(1, Buffer.from(key)), field(2, value)]);
/** A field of CompleteRequest, whose numbers need two bytes from 16 on. */
const outer = (number: number, content: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([((number << 3) & 0x7f) | 0x82, number >> 4, content.length]), content]);

const { providerOptions, labels } = CompleteRequestSchema.field;

async function postBinary({ gateway }: Scene, ...fields: readonly Uint8Array[]): Promise<RawReply[]> {
  const body = grpcFrame(Buffer.concat([toBinary(CompleteRequestSchema, helloRequest('test-model')), ...fields]));
  const replies: RawReply[] = [];
  for (const port of [gateway.grpcPort, gateway.httpPort]) {
    const client = await rawHttp2(port);
    onTestFinished(() => client.close());
    replies.push(await client.call({ path: PATH, body }));
  }
  return replies;
}

/** The bodies that went to the provider, with the key as it was sent. */
const sent = ({ upstream }: Scene): string[] => upstream.received.map(({ body }) => body);

describe.each(KEYS)('row 55: the key %s', (key) => {
  const json = `{"polluted":true}`;

  test('among the options of a provider is sent as any other, or not at all', async () => {
    const stage = await stageOf(good);
    expect((await postJson(stage, `"provider_options":{"test":{"${key}":${json},"a":{"${key}":1}}}`)).status).toBe(200);
    const inner = field(5, field(1, entry('polluted', Buffer.from([0x20, 0x01]))));
    const struct = field(1, entry(key, inner));
    for (const reply of await postBinary(stage, outer(providerOptions.number, entry('test', struct)))) {
      expect(reply.grpcStatus).toBe(0);
    }
    expect(sent(stage)).toHaveLength(3);
    for (const body of sent(stage)) {
      const { model, messages } = JSON.parse(body);
      expect({ model, messages }).toEqual({ model: 'test-model', messages: [{ role: 'user', content: 'hello' }] });
      expect(body.includes(`"${key}"`)).toBe(key !== '__proto__');
    }
  });

  test('as the name of a provider with options is nobody’s', async () => {
    const stage = await stageOf(good);
    expect((await postJson(stage, `"provider_options":{"${key}":{"polluted":true}}`)).status).toBe(200);
    const struct = field(1, entry('polluted', Buffer.from([0x20, 0x01])));
    for (const reply of await postBinary(stage, outer(providerOptions.number, entry(key, struct)))) {
      expect(reply.grpcStatus).toBe(0);
    }
    expect(sent(stage)).toHaveLength(3);
    for (const body of sent(stage)) expect(body).not.toContain('polluted');
  });

  test('among the labels is one, or refused', async () => {
    const stage = await stageOf(good);
    const { status } = await postJson(stage, `"labels":{"${key}":"polluted"}`);
    const replies = await postBinary(stage, outer(labels.number, entry(key, Buffer.from('polluted'))));
    const allowed = /^[a-z0-9_.-]+$/.test(key);
    if (allowed) expect([status, ...replies.map(({ grpcStatus }) => grpcStatus)]).toEqual([200, 0, 0]);
    else expect([status, ...replies.map(({ grpcStatus }) => grpcStatus)]).toEqual([400, 3, 3]);
    expect(sent(stage)).toHaveLength(allowed ? 3 : 0);
    for (const line of callLines(stage.gateway)) expect(line.polluted).toBeUndefined();
  });

  test('as a model or a property in a schema is a name like others', async () => {
    const stage = await stageOf(good);
    const schema = JSON.stringify(`{"type":"object","properties":{"${key}":{"type":"string"}}}`);
    expect((await postJson(stage, `"tools":[{"name":"f","parameters":${schema}}]`)).status).toBe(200);
    for (const way of wayNames) {
      expect((await stage.client(way).unary(complete, helloRequest(`${key}/${key}`))).error).toBeUndefined();
      expect(JSON.parse(sent(stage).at(-1) ?? '').model).toBe(`${key}/${key}`);
    }
    expect(sent(stage)).toHaveLength(1 + wayNames.length);
    expect(sent(stage)[0]).toContain(`"properties":{"${key}"`.replace('"__proto__"', ''));
  });

  test.each([
    ['beside the answer', good.replace('{', `{"${key}":${json},`)],
    ['in the message', good.replace('"message":{', `"message":{"${key}":${json},`)],
    ['in the usage', good.replace('"usage":{', `"usage":{"${key}":${json},`)],
    ['as the role', good.replace('"assistant"', `"${key}"`)],
    ['as the reason of the end', good.replace('"stop"', `"${key}"`)],
  ])('in what a provider answers, %s, changes nothing', async (_where, body) => {
    const stage = await stageOf(body);
    for (const way of wayNames) {
      const { messages, error } = await stage.client(way).unary(complete, helloRequest('test-model'));
      expect(error).toBeUndefined();
      expect(messages[0]?.content).toMatchObject([{ part: { case: 'text', value: 'x' } }]);
      expect(Number(messages[0]?.usage?.totalTokens)).toBe(10);
      expect((await stage.client(way).stream(streamComplete, helloRequest('test-model'))).error).toBeUndefined();
    }
    expect(sent(stage)).toHaveLength(2 * wayNames.length);
  });

  test('in the error of a provider is not taken for one that is known', async () => {
    const error = `{"error":{"${key}":${json},"type":"${key}","code":"${key}","message":"no"}}`;
    const stage = await scene((line) => line.json(400, error));
    const { error: told } = await stage.client('gRPC').unary(complete, helloRequest('test-model'));
    expect(told).toMatchObject({ code: 3, errorInfo: { reason: 'UPSTREAM_REJECTED' } });
    expect(sent(stage)).toHaveLength(1);
  });
});
