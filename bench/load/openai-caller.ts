import { Pool } from 'undici';
import { BENCH_KEY } from '../tenancy.ts';
import { ANSWER_TOKENS, behaviourOf, chatFor, textOf } from '../workload.ts';
import type { Caller, Listener } from './caller.ts';
import { HttpCall, type Reader } from './http-call.ts';
import type { Destination } from './job.ts';

const ANSWER = textOf(ANSWER_TOKENS);
const PATH = '/v1/chat/completions';

/** OpenAI's chat completions over HTTP/1.1. */
export function openAiCaller({ address, modelPrefix, route }: Destination, connections: number): Caller {
  const pool = new Pool(`http://${address}`, { connections, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${BENCH_KEY}` };
  return {
    call(model, listener) {
      const behaviour = behaviourOf(model);
      const isStream = behaviour.kind === 'stream';
      const expected = isStream ? textOf(behaviour.tokens) : ANSWER;
      const call = new HttpCall(isStream ? streamReader(expected, listener) : answerReader(expected), listener);
      const body = JSON.stringify(chatFor(route ?? modelPrefix + model, isStream));
      pool.dispatch({ method: 'POST', path: PATH, headers, body }, call);
      return () => call.cancel();
    },
    close: () => pool.destroy(),
  };
}

function answerReader(expected: string): Reader {
  const chunks: Buffer[] = [];
  return {
    data: (bytes) => void chunks.push(bytes),
    end() {
      const { choices } = JSON.parse(Buffer.concat(chunks).toString());
      return choices[0].message.content === expected ? undefined : 'the text is not the one expected';
    },
  };
}

function streamReader(expected: string, listener: Listener): Reader {
  const decoder = new TextDecoder();
  let rest = '';
  let text = '';
  let isOver = false;
  const event = (data: string) => {
    if (data === '[DONE]') isOver = true;
    else if (data.startsWith('{')) {
      const token = JSON.parse(data).choices[0]?.delta.content;
      if (token) listener.token();
      text += token ?? '';
    }
  };
  return {
    data(bytes) {
      const events = (rest + decoder.decode(bytes, { stream: true })).split('\n\n');
      rest = events.pop() ?? '';
      for (const each of events) event(each.slice('data: '.length));
    },
    end() {
      if (!isOver) return 'the stream has no end';
      return text === expected ? undefined : 'the text of the stream is not the one expected';
    },
  };
}
