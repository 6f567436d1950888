import { type GrpcCode, grpcCode } from '../core/errors.ts';

const upperSnake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

const names: ReadonlyMap<GrpcCode, string> = new Map(
  Object.entries(grpcCode).map(([name, code]) => [code, upperSnake(name)]),
);

/** The name of a gRPC status, such as "RESOURCE_EXHAUSTED"; "OK" for a call that did not fail. */
export const statusName = (code: GrpcCode | undefined): string =>
  code === undefined ? 'OK' : (names.get(code) ?? 'UNKNOWN');
