import { Pool } from 'undici';
import { ANSWER_TOKENS, textOf } from '../workload.ts';
import type { Caller } from './caller.ts';
import { HttpCall } from './http-call.ts';
import type { Destination } from './job.ts';

const ANSWER = textOf(ANSWER_TOKENS);
const QUESTION = 'What should we measure in the first year?';

/** Calls the mock upstream itself, as an application without a gateway would. Unary only. */
export function directCaller({ address }: Destination, connections: number): Caller {
  const pool = new Pool(`http://${address}`, { connections, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  return {
    call(model, listener) {
      const chunks: Buffer[] = [];
      const end = () => {
        const { choices } = JSON.parse(Buffer.concat(chunks).toString());
        return choices[0].message.content === ANSWER ? undefined : 'the text is not the one expected';
      };
      const call = new HttpCall({ data: (bytes) => void chunks.push(bytes), end }, listener);
      const body = JSON.stringify({ model, messages: [{ role: 'user', content: QUESTION }] });
      const headers = { 'content-type': 'application/json' };
      pool.dispatch({ method: 'POST', path: '/v1/chat/completions', headers, body }, call);
      return () => call.cancel();
    },
    close: () => pool.destroy(),
  };
}
