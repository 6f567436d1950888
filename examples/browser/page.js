// Calls a model from a web page: unary, streaming, and given up.
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { Role } from './gen/antiphon/v1/completion_pb.js';
import { LlmService } from './gen/antiphon/v1/llm_service_pb.js';
import { ErrorInfoSchema } from './gen/google/rpc/error_details_pb.js';

const parameters = new URLSearchParams(location.search);
const createTransport = parameters.get('protocol') === 'grpc-web' ? createGrpcWebTransport : createConnectTransport;
const baseUrl = parameters.get('gateway') ?? 'http://127.0.0.1:8080';
const llm = createClient(LlmService, createTransport({ baseUrl }));

const form = document.querySelector('form');
const answer = document.querySelector('#answer');
const outcome = document.querySelector('#outcome');
let call = new AbortController();

const headers = {
  'x-source-agent': 'browser-example',
  'x-session-id': 'session-1',
  'x-trace-id': crypto.randomUUID().replaceAll('-', ''),
};

const calls = {
  async complete(request, options) {
    const response = await llm.complete(request, options);
    answer.textContent = response.content.map(({ part }) => part.value).join('');
    return response.context;
  },
  async stream(request, options) {
    for await (const { event } of llm.streamComplete(request, options)) {
      if (event.case === 'textDelta') answer.textContent += event.value.text;
      if (event.case === 'completed') return event.value.context;
    }
  },
};

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  answer.textContent = outcome.textContent = '';
  call = new AbortController();
  const content = [{ part: { case: 'text', value: form.text.value } }];
  const request = { model: form.model.value, messages: [{ role: Role.USER, content }] };
  try {
    const context = await calls[event.submitter.name](request, { headers, signal: call.signal, timeoutMs: 30_000 });
    outcome.textContent = `context: ${context.sourceAgent} ${context.sessionId} ${context.traceId}`;
  } catch (error) {
    const failure = ConnectError.from(error);
    outcome.textContent = `refused: ${Code[failure.code]} ${failure.findDetails(ErrorInfoSchema)[0]?.reason ?? ''}`;
  }
});

form.cancel.addEventListener('click', () => call.abort());
