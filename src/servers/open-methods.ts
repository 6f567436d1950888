import { AdminService } from '#gen/antiphon/v1/admin_service_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { Health } from '#gen/health/v1/health_pb.js';

/** Whatever asks whether the gateway is there has no key: balancers, and Kubernetes. */
const OPEN = `/${Health.typeName}/`;

/** Whether a method, by the path "/service/method", is for everybody. */
export const isOpenMethod = (path: string): boolean => path.startsWith(OPEN);

const { complete, streamComplete } = LlmService.method;
const completions = new Set([complete, streamComplete].map(({ name }) => `${LlmService.typeName}/${name}`));

/** Whether a method, by its full name, calls a model. */
export const isCompletion = (method: string): boolean => completions.has(method);

const traced = [LlmService, AdminService].map(({ typeName }) => `${typeName}/`);

/** Whether a method, by its full name, is of the contract: a call of it has an id and a span. */
export const isTraced = (method: string): boolean => traced.some((service) => method.startsWith(service));
