import type { CompleteRequest } from '#gen/antiphon/v1/completion_pb.js';
import type { Exchange } from './recordings.ts';
import { requestFromChatBody } from './recordings-chat.ts';
import { requestFromGenerateBody } from './recordings-generate.ts';
import type { RecordedTarget } from './recordings-json.ts';
import { requestFromMessagesBody } from './recordings-messages.ts';
import { requestFromResponsesBody } from './recordings-responses.ts';

type Endpoint = Exclude<Exchange['endpoint'], 'models'>;

const readers: Readonly<Record<Endpoint, (body: unknown, target: RecordedTarget) => CompleteRequest>> = {
  chat: requestFromChatBody,
  messages: requestFromMessagesBody,
  generate: requestFromGenerateBody,
  responses: requestFromResponsesBody,
};

/** What is asked where the recording has no request. */
const PLAIN = { messages: [{ role: 'user', content: 'hello' }] };

/** The request that leads to a recorded answer, for the provider that is configured under this name. */
export function requestFrom({ endpoint, model, request }: Exchange, provider: string): CompleteRequest {
  if (endpoint === 'models') throw new Error('a listing of models is asked for without a request');
  return readers[endpoint](request.body ?? PLAIN, { provider, model: model ?? 'model' });
}
