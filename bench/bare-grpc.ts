// A process of its own: the floor for the gRPC door. The same server library and undici, and nothing between them.
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import type { CompleteRequest, CompleteResponse, StreamCompleteResponse } from '#gen/antiphon/v1/completion_pb.js';
import { LlmService } from '#gen/antiphon/v1/llm_service_pb.js';
import { grpcDefinition } from '../src/servers/grpc-service.ts';
import { BareUpstream } from './bare-exchange.ts';
import { endWithParent } from './listening.ts';

const upstream = new BareUpstream(process.argv.slice(2));

function complete(call: ServerUnaryCall<CompleteRequest, CompleteResponse>, reply: sendUnaryData<CompleteResponse>) {
  const exchange = upstream.complete(call.request, {
    answer: (response) => reply(null, response),
    failed: (error) => reply(error),
  });
  call.on('cancelled', () => exchange.cancel());
}

function streamComplete(call: ServerWritableStream<CompleteRequest, StreamCompleteResponse>) {
  const exchange = upstream.stream(call.request, {
    message: (message) => call.write(message),
    end: () => call.end(),
    failed: (error) => call.destroy(error),
  });
  call.on('drain', () => exchange.resume());
  call.on('cancelled', () => exchange.cancel());
}

const { complete: unary, streamComplete: streaming } = grpcDefinition(LlmService);
if (!unary || !streaming) throw new Error('the contract has changed');
const server = new Server({ 'grpc.enable_channelz': 0, 'grpc.max_concurrent_streams': 1000 });
server.addService({ complete: unary, streamComplete: streaming }, { complete, streamComplete });
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(JSON.stringify({ msg: 'listening', grpc: `127.0.0.1:${port}` }));
});
endWithParent();
