import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AdminService } from '#gen/antiphon/v1/admin_service_pb.js';
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from '#gen/health/v1/health_pb.js';
import { digestOf } from '../../src/access/digest.ts';
import { grpcCode } from '../../src/core/errors.ts';
import type { AdminMethod } from '../../src/services/admin-service.ts';
import { connectClient, type DoorClient, grpcClient } from '../support/doors.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';

const methods = Object.keys(AdminService.method) as AdminMethod[];

/** Any method, as one that takes nothing. */
const methodOf = (name: AdminMethod): typeof AdminService.method.listProviders => AdminService.method[name] as never;

const keys = {
  caller: 'ant_canary-of-a-caller-0000001',
  viewer: 'ant_canary-of-a-viewer-0000002',
  admin: 'ant_canary-of-an-admin-0000003',
};
type Name = keyof typeof keys;

const FILE = `
access:
  keys:
${(Object.keys(keys) as Name[]).map((name) => `    - { name: ${name}, hash: "sha256:${digestOf(keys[name])}", roles: [${name}] }`).join('\n')}
`;

const doors: Record<string, (gateway: TestGateway) => DoorClient> = {
  gRPC: ({ grpcPort }) => grpcClient(grpcPort),
  'gRPC on the HTTP port': ({ httpPort }) => connectClient(httpPort, { protocol: 'grpc' }),
  Connect: ({ httpPort }) => connectClient(httpPort),
  'Connect, JSON': ({ httpPort }) => connectClient(httpPort, { binary: false }),
  'Connect by GET': ({ httpPort }) => connectClient(httpPort, { useGet: true }),
  'gRPC-Web': ({ httpPort }) => connectClient(httpPort, { protocol: 'grpc-web' }),
};

const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

let gateway: TestGateway;
const clients = new Map<string, DoorClient>();
const at = (door: string): DoorClient => clients.get(door) ?? expect.unreachable();

beforeAll(async () => {
  gateway = await startGateway({ file: FILE });
  for (const [name, open] of Object.entries(doors)) clients.set(name, open(gateway));
});
afterAll(async () => {
  for (const client of clients.values()) client.close();
  await gateway.close();
});

describe.each(Object.keys(doors))('%s', (door) => {
  it.each(methods)('%s wants a key', async (name) => {
    const { error } = await at(door).unary(methodOf(name), {});
    expect(error).toMatchObject({ code: grpcCode.unauthenticated, errorInfo: { reason: 'UNAUTHENTICATED' } });
    expect(error?.metadata['x-request-id']).toBeTruthy();
  });

  it.each(methods)('%s is not for those who call models', async (name) => {
    const { error } = await at(door).unary(methodOf(name), {}, bearer(keys.caller));
    expect(error).toMatchObject({ code: grpcCode.permissionDenied, errorInfo: { reason: 'PERMISSION_DENIED' } });
    expect(error?.metadata['x-request-id']).toBeTruthy();
  });
});

it('is among the services whose state can be asked for', async () => {
  const { messages } = await at('gRPC').unary(Health.method.check, { service: AdminService.typeName });
  expect(messages).toMatchObject([{ status: ServingStatus.SERVING }]);
});

describe('without keys', () => {
  let open: TestGateway;
  beforeAll(async () => {
    open = await startGateway();
  });
  afterAll(() => open.close());

  it.each(methods)('%s is for nobody, and says what to do', async (name) => {
    const client = grpcClient(open.grpcPort);
    const { error } = await client.unary(methodOf(name), {});
    client.close();
    expect(error).toMatchObject({ code: grpcCode.unauthenticated });
    expect(error?.message).toContain('LLM_ADMIN_API_KEY');
  });
});
