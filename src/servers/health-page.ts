import { type JsonObject, toJson } from '@bufbuild/protobuf';
import { type HealthResponse, HealthResponseSchema, HealthStatus } from '#gen/antiphon/v1/health_pb.js';
import type { HttpHandler } from './http-message.ts';
import { answerState } from './probes.ts';

/** `/health`: what the Health RPC answers, for people and for tools that speak no gRPC. 503 if no calls are accepted. */
export const healthPage =
  (read: () => HealthResponse): HttpHandler =>
  (request, response, path) => {
    if (path !== '/health') return false;
    const health = read();
    const code = health.status === HealthStatus.NOT_SERVING ? 503 : 200;
    answerState(request, response, code, toJson(HealthResponseSchema, health) as JsonObject);
    return true;
  };
