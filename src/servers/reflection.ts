import {
  create,
  createRegistry,
  type DescExtension,
  type DescFile,
  type DescMessage,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  type Registry,
  toBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { file_google_rpc_error_details } from '#gen/google/rpc/error_details_pb.js';
import * as v1 from '#gen/grpc/reflection/v1/reflection_pb.js';
import * as v1alpha from '#gen/grpc/reflection/v1alpha/reflection_pb.js';
import { grpcCode } from '../core/errors.ts';
import { type PlainService, plainService } from './plain.ts';

type Answer = NonNullable<MessageInitShape<typeof v1.ServerReflectionResponseSchema>['messageResponse']>;

/** Both versions of server reflection, over these services and themselves. */
export function reflectionServices(services: readonly DescService[]): PlainService[] {
  const schemas = new Schemas([...services, v1.ServerReflection, v1alpha.ServerReflection]);
  return [
    plainService(v1.ServerReflection, { serverReflectionInfo: (requests) => schemas.answers(requests) }),
    plainService(v1alpha.ServerReflection, { serverReflectionInfo: (requests) => translated(schemas, requests) }),
  ];
}

/** The two versions differ in the package's name only, so the bytes of one can be read as the other. */
async function* translated(schemas: Schemas, requests: AsyncIterable<v1alpha.ServerReflectionRequest>) {
  for await (const request of requests) {
    const asked = recast(v1alpha.ServerReflectionRequestSchema, request, v1.ServerReflectionRequestSchema);
    yield recast(v1.ServerReflectionResponseSchema, schemas.answer(asked), v1alpha.ServerReflectionResponseSchema);
  }
}

function recast<A extends DescMessage, B extends DescMessage>(from: A, message: MessageShape<A>, to: B) {
  return fromBinary(to, toBinary(from, message));
}

class Schemas {
  readonly #services: readonly DescService[];
  readonly #files = new Map<string, DescFile>();
  readonly #types: Registry;

  constructor(services: readonly DescService[]) {
    this.#services = services;
    for (const { file } of services) this.#add(file);
    // What is in the details of errors, for clients that print them.
    this.#add(file_google_rpc_error_details);
    this.#types = createRegistry(...this.#files.values());
  }

  #add(file: DescFile): void {
    this.#files.set(file.proto.name, file);
    for (const dependency of file.dependencies) this.#add(dependency);
  }

  async *answers(requests: AsyncIterable<v1.ServerReflectionRequest>): AsyncGenerator<v1.ServerReflectionResponse> {
    for await (const request of requests) yield this.answer(request);
  }

  answer(request: v1.ServerReflectionRequest): v1.ServerReflectionResponse {
    return create(v1.ServerReflectionResponseSchema, {
      validHost: request.host,
      originalRequest: request,
      messageResponse: this.#answer(request.messageRequest),
    });
  }

  #answer({ case: kind, value }: v1.ServerReflectionRequest['messageRequest']): Answer {
    switch (kind) {
      case 'listServices':
        return { case: 'listServicesResponse', value: { service: this.#listServices() } };
      case 'fileByFilename':
        return filesAnswer(this.#files.get(value));
      case 'fileContainingSymbol':
        return filesAnswer(this.#fileOf(value));
      case 'fileContainingExtension':
        return filesAnswer(this.#extension(value.containingType, value.extensionNumber)?.file);
      case 'allExtensionNumbersOfType':
        return this.#extensionNumbers(value);
      case undefined:
        return errorAnswer(grpcCode.invalidArgument, 'The request asks for nothing.');
    }
  }

  #listServices(): { name: string }[] {
    return this.#services.map(({ typeName }) => ({ name: typeName })).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** A type, a service, or a method as "service.Method". */
  #fileOf(symbol: string): DescFile | undefined {
    const type = this.#types.get(symbol);
    if (type) return type.file;
    const dot = symbol.lastIndexOf('.');
    const service = this.#types.getService(symbol.slice(0, Math.max(dot, 0)));
    return service?.methods.some(({ name }) => name === symbol.slice(dot + 1)) ? service.file : undefined;
  }

  #extension(typeName: string, number: number): DescExtension | undefined {
    const extendee = this.#types.getMessage(typeName);
    return extendee && this.#types.getExtensionFor(extendee, number);
  }

  #extensionNumbers(typeName: string): Answer {
    if (!this.#types.getMessage(typeName)) return notFound();
    const extensionNumber: number[] = [];
    for (const type of this.#types) {
      if (type.kind === 'extension' && type.extendee.typeName === typeName) extensionNumber.push(type.number);
    }
    return { case: 'allExtensionNumbersResponse', value: { baseTypeName: typeName, extensionNumber } };
  }
}

/** A file and all that it needs, each in the bytes it was compiled to, in no order. */
function filesAnswer(file: DescFile | undefined): Answer {
  if (!file) return notFound();
  const fileDescriptorProto = [...closure(file)].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}

function closure(file: DescFile, seen: Set<DescFile> = new Set()): Set<DescFile> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const dependency of file.dependencies) closure(dependency, seen);
  return seen;
}

const notFound = (): Answer => errorAnswer(grpcCode.notFound, 'This server does not know that name.');

const errorAnswer = (errorCode: number, errorMessage: string): Answer => ({
  case: 'errorResponse',
  value: { errorCode, errorMessage },
});
