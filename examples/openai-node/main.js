// Calls a model with OpenAI's client: unary, streaming, and in a way that is refused.
import { randomBytes } from 'node:crypto';
import OpenAI from 'openai';

const context = {
  'x-source-agent': 'openai-node-example',
  'x-session-id': 'session-1',
  'x-trace-id': randomBytes(16).toString('hex'),
};
const baseURL = process.env.OPENAI_BASE_URL ?? 'http://127.0.0.1:8080/v1';
const { chat } = new OpenAI({ baseURL, apiKey: 'unused', defaultHeaders: context, timeout: 30_000 });

const ask = (text) => ({ model: '', messages: [{ role: 'user', content: text }] });

const { data: answer, response } = await chat.completions.create(ask('Hello!')).withResponse();
process.stdout.write(`complete: ${answer.choices[0].message.content}\nstream: `);

for await (const { choices } of await chat.completions.create({ ...ask('Hello again!'), stream: true }))
  process.stdout.write(choices[0].delta.content ?? '');

try {
  await chat.completions.create({ ...ask('Hello?'), model: 'no-such-model' });
} catch (error) {
  if (!(error instanceof OpenAI.NotFoundError)) throw error;
  process.stdout.write(`\nrefused: ${error.code} ${error.error.antiphon.reason}\n`);
}

const ids = Object.keys(context).map((name) => response.headers.get(name));
process.stdout.write(`context: ${ids.join(' ')}\n`);
