import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createFileRegistry, fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as v1 from '#gen/grpc/reflection/v1/reflection_pb.js';
import * as v1alpha from '#gen/grpc/reflection/v1alpha/reflection_pb.js';
import { openDoors, type TestDoors } from './scripted.ts';

const SERVICES = [
  'antiphon.v1.LlmService',
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
];

let doors: TestDoors;
beforeAll(async () => {
  doors = await openDoors();
});
afterAll(() => doors.close());

const ports: Record<string, () => number> = {
  'the gRPC port': () => doors.grpc.port,
  'the HTTP port': () => doors.http.port,
};

type Question = NonNullable<MessageInitShape<typeof v1.ServerReflectionRequestSchema>['messageRequest']>;
type AlphaQuestion = NonNullable<MessageInitShape<typeof v1alpha.ServerReflectionRequestSchema>['messageRequest']>;

async function ask(port: number, version: 'v1' | 'v1alpha', ...questions: Question[]) {
  const baseUrl = `http://127.0.0.1:${port}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  const transport = createGrpcTransport({ baseUrl, sessionManager });
  const requests = questions.map((messageRequest) => ({ host: 'h', messageRequest }));
  const answers: v1.ServerReflectionResponse['messageResponse'][] = [];
  if (version === 'v1') {
    const replies = createClient(v1.ServerReflection, transport).serverReflectionInfo(each(requests));
    for await (const { messageResponse } of replies) answers.push(messageResponse);
  } else {
    const alpha = requests as { host: string; messageRequest: AlphaQuestion }[];
    const replies = createClient(v1alpha.ServerReflection, transport).serverReflectionInfo(each(alpha));
    for await (const { messageResponse } of replies) answers.push(messageResponse as never);
  }
  sessionManager.abort();
  return answers;
}

async function* each<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}

const filesOf = (answer: v1.ServerReflectionResponse['messageResponse'] | undefined) =>
  answer?.case === 'fileDescriptorResponse'
    ? answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes))
    : [];

describe.each(Object.keys(ports))('on %s', (port) => {
  describe.each(['v1', 'v1alpha'] as const)('%s', (version) => {
    test('lists the services', async () => {
      const [answer] = await ask(ports[port]?.() ?? 0, version, { case: 'listServices', value: '' });
      expect(answer).toMatchObject({ value: { service: SERVICES.map((name) => ({ name })) } });
    });

    test.each([
      ['fileContainingSymbol', 'antiphon.v1.LlmService', 'antiphon/v1/llm_service.proto'],
      ['fileContainingSymbol', 'antiphon.v1.LlmService.Complete', 'antiphon/v1/llm_service.proto'],
      ['fileContainingSymbol', 'antiphon.v1.Usage', 'antiphon/v1/completion.proto'],
      ['fileContainingSymbol', 'google.protobuf.Duration', 'google/protobuf/duration.proto'],
      ['fileByFilename', 'antiphon/v1/model.proto', 'antiphon/v1/model.proto'],
    ] as const)('%s %s gives its file with all that it needs', async (kind, value, name) => {
      const [answer] = await ask(ports[port]?.() ?? 0, version, { case: kind, value });
      const files = filesOf(answer);
      expect(files[0]?.name).toBe(name);
      expect(new Set(files.map((file) => file.name)).size).toBe(files.length);
      const [asked] = files;
      const resolve = (wanted: string) => files.find((file) => file.name === wanted);
      expect(() => asked && createFileRegistry(asked, resolve)).not.toThrow();
    });

    test.each([
      ['fileContainingSymbol', 'antiphon.v1.Nothing'],
      ['fileContainingSymbol', 'antiphon.v1.LlmService.Nothing'],
      ['fileContainingSymbol', ''],
      ['fileByFilename', '../package.json'],
      ['allExtensionNumbersOfType', 'antiphon.v1.Nothing'],
    ] as const)('%s "%s" is not found, and the stream goes on', async (kind, value) => {
      const list: Question = { case: 'listServices', value: '' };
      const answers = await ask(ports[port]?.() ?? 0, version, { case: kind, value }, list);
      expect(answers).toMatchObject([
        { case: 'errorResponse', value: { errorCode: 5 } },
        { case: 'listServicesResponse' },
      ]);
    });
  });

  test('extensions: there are none', async () => {
    const answers = await ask(
      ports[port]?.() ?? 0,
      'v1',
      { case: 'allExtensionNumbersOfType', value: 'antiphon.v1.Usage' },
      { case: 'fileContainingExtension', value: { containingType: 'antiphon.v1.Usage', extensionNumber: 100 } },
      { case: 'fileContainingExtension', value: { containingType: 'nothing', extensionNumber: 100 } },
      { case: undefined },
    );
    expect(answers).toMatchObject([
      { case: 'allExtensionNumbersResponse', value: { baseTypeName: 'antiphon.v1.Usage', extensionNumber: [] } },
      { case: 'errorResponse', value: { errorCode: 5 } },
      { case: 'errorResponse', value: { errorCode: 5 } },
      { case: 'errorResponse', value: { errorCode: 3 } },
    ]);
  });
});

describe('buf curl, which knows no schema', () => {
  const buf = async (...args: string[]) =>
    (await promisify(execFile)('node_modules/.bin/buf', ['curl', ...args], { timeout: 20_000 })).stdout;

  test.each([
    ['the gRPC port', ['--protocol', 'grpc']],
    ['the HTTP port', []],
    ['the HTTP port', ['--protocol', 'grpc', '--http2-prior-knowledge']],
    ['the HTTP port', ['--protocol', 'grpcweb']],
    ['the HTTP port', ['--schema', 'proto']],
  ])('calls %s with %j', async (port, options) => {
    const url = `http://127.0.0.1:${ports[port]?.()}`;
    const reply = JSON.parse(await buf(...options, `${url}/antiphon.v1.LlmService/Health`));
    expect(reply).toEqual({ status: 'HEALTH_STATUS_SERVING', version: '1.2.3' });
    const stream = await buf(...options, '-d', '{"model":"m"}', `${url}/antiphon.v1.LlmService/StreamComplete`);
    expect(stream).toContain('"completed"');
  });

  test('lists the services of the gRPC port', async () => {
    const list = await buf('--protocol', 'grpc', '--list-services', `http://127.0.0.1:${doors.grpc.port}`);
    expect(list.trim().split('\n')).toEqual(SERVICES);
  });
});

test('it can be switched off', async () => {
  const closed = await openDoors(undefined, { reflection: false });
  for (const { port } of [closed.grpc, closed.http]) {
    await expect(ask(port, 'v1', { case: 'listServices', value: '' })).rejects.toMatchObject({ code: 12 });
  }
  await closed.close();
});
