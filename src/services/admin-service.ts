import type { MessageShape } from '@bufbuild/protobuf';
import type { AdminService as AdminServiceDesc } from '#gen/antiphon/v1/admin_service_pb.js';
import type { Inbound } from './service.ts';

type Methods = (typeof AdminServiceDesc)['method'];

/** The name of a method, such as "listProviders". */
export type AdminMethod = keyof Methods;

/** antiphon.v1.AdminService, without a protocol. Errors: GatewayError. Aborts: the error of the signal. */
export type AdminService = {
  readonly [M in AdminMethod]: (
    request: MessageShape<Methods[M]['input']>,
    inbound: Inbound,
  ) => Promise<MessageShape<Methods[M]['output']>>;
};

/** Some of its methods. They are asked only by those who may. */
export type AdminGroup<M extends AdminMethod> = Pick<AdminService, M>;
