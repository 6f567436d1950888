// Calls a model with the package's client: unary, streaming, and in a way that is refused.
import { randomBytes } from 'node:crypto';
import { AntiphonError, createClient, textOf, user } from 'antiphon/client';

const antiphon = createClient({
  baseUrl: process.env.ANTIPHON_URL ?? 'http://127.0.0.1:8080',
  sourceAgent: 'typescript-example',
  sessionId: 'session-1',
  traceId: randomBytes(16).toString('hex'),
  timeoutMs: 30_000,
});

const answer = await antiphon.complete({ messages: [user('Hello!')] });
process.stdout.write(`complete: ${textOf(answer)}\nstream: `);

const stream = antiphon.stream({ messages: [user('Hello again!')] });
for await (const text of stream.text()) process.stdout.write(text);

try {
  await antiphon.complete({ model: 'no-such-model', messages: [user('Hello?')] });
} catch (error) {
  if (!(error instanceof AntiphonError)) throw error;
  process.stdout.write(`\nrefused: ${error.code} ${error.reason}\n`);
}

const { context } = await stream.final();
process.stdout.write(`context: ${context?.sourceAgent} ${context?.sessionId} ${context?.traceId}\n`);
