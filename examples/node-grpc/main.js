// Calls a model over gRPC: unary, streaming, and in a way that is refused.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const here = import.meta.dirname;
const definitions = loadSync(
  ['antiphon/v1/llm_service.proto', 'google/rpc/status.proto', 'google/rpc/error_details.proto'],
  { includeDirs: [join(here, '../../proto'), join(here, 'node_modules/google-proto-files')], defaults: true },
);
const { antiphon } = grpc.loadPackageDefinition(definitions);

const address = process.env.ANTIPHON_ADDRESS ?? '127.0.0.1:50051';
const llm = new antiphon.v1.LlmService(address, grpc.credentials.createInsecure());
const complete = promisify(llm.complete.bind(llm));
const options = { deadline: Date.now() + 30_000 };

const metadata = new grpc.Metadata();
metadata.set('x-source-agent', 'node-grpc-example');
metadata.set('x-session-id', 'session-1');
metadata.set('x-trace-id', randomBytes(16).toString('hex'));

const ask = (text, model = '') => ({ model, messages: [{ role: 'ROLE_USER', content: [{ text }] }] });

/** The reason in the google.rpc.ErrorInfo of a failed call. */
function reasonOf({ metadata }) {
  const [bytes] = metadata.get('grpc-status-details-bin');
  const { details } = definitions['google.rpc.Status'].deserialize(bytes);
  const info = details.find(({ type_url }) => type_url.endsWith('/google.rpc.ErrorInfo'));
  return definitions['google.rpc.ErrorInfo'].deserialize(info.value).reason;
}

const answer = await complete(ask('Hello!'), metadata, options);
process.stdout.write(`complete: ${answer.content.map(({ text }) => text).join('')}\nstream: `);

for await (const { textDelta } of llm.streamComplete(ask('Hello again!'), metadata, options))
  if (textDelta) process.stdout.write(textDelta.text);

try {
  await complete(ask('Hello?', 'no-such-model'), metadata, options);
} catch (error) {
  process.stdout.write(`\nrefused: ${grpc.status[error.code]} ${reasonOf(error)}\n`);
}

const { sourceAgent, sessionId, traceId } = answer.context;
process.stdout.write(`context: ${sourceAgent} ${sessionId} ${traceId}\n`);
llm.close();
