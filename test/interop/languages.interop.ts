import { describe, expect, test } from 'vitest';
import { type GatewayProcess, spawnGateway } from '../support/process.ts';
import { needs } from './commands.ts';
import { prepareExample, runExample } from './example.ts';

/** What each example cannot do without, and how its client calls the code of what is not found. */
const examples = {
  python: { program: 'python3', notFound: 'NOT_FOUND' },
  go: { program: 'go', notFound: 'NotFound' },
  java: { program: 'mvn', notFound: 'NOT_FOUND' },
  'node-grpc': { program: 'npm', notFound: 'NOT_FOUND' },
  typescript: { program: 'npm', notFound: 'not_found' },
  'openai-python': { program: 'python3', notFound: 'model_not_found' },
  'openai-node': { program: 'npm', notFound: 'model_not_found' },
};

const MOCK = 'This is the mock provider: no model was called. You said:';

const placesOf = ({ grpcPort, httpPort }: GatewayProcess): Record<string, string> => ({
  ANTIPHON_ADDRESS: `127.0.0.1:${grpcPort}`,
  ANTIPHON_URL: `http://127.0.0.1:${httpPort}`,
  OPENAI_BASE_URL: `http://127.0.0.1:${httpPort}/v1`,
});

describe.for(Object.entries(examples))('the example %s', ([name, { program, notFound }]) => {
  test('completes, streams, is told why it is refused, and gets its ids back', async (context) => {
    needs(context, program);
    const example = await prepareExample(name);
    const gateway = await spawnGateway();

    const printed = await runExample(example, placesOf(gateway));

    expect(printed).toEqual([
      `complete: ${MOCK} Hello!`,
      `stream: ${MOCK} Hello again!`,
      `refused: ${notFound} MODEL_NOT_FOUND`,
      expect.stringMatching(new RegExp(`^context: ${name}-example session-1 [0-9a-f]{32}$`)),
    ]);
    const ids = {
      source_agent: `${name}-example`,
      session_id: 'session-1',
      trace_id: printed.at(-1)?.split(' ').at(-1),
    };
    const logged = () => gateway.lines().filter(({ msg }) => msg === 'call');
    await expect.poll(logged, { timeout: 20_000 }).toEqual([1, 2, 3].map(() => expect.objectContaining(ids)));
  });
});
