import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, type Question } from '../../scripts/record-exchange.ts';
import { type CaseFiles, filesOf, foldersOf } from '../../scripts/record-files.ts';
import { holdsSecret, scrubber } from '../../scripts/record-scrub.ts';
import { providerKinds } from '../../src/providers/registry.ts';
import {
  type EchoingUpstream,
  type Scenario,
  scenarios,
  startEchoingUpstream,
} from '../e2e/canary/echoing-upstream.ts';
import { helloRequest } from '../support/calls.ts';
import { providerOf } from '../support/fixtures.ts';

const CANARY = 'zq7canarybirdbird';

let upstream: EchoingUpstream;

beforeAll(async () => {
  upstream = await startEchoingUpstream();
});

afterAll(() => upstream.close());

function questionOf(kind: string, model: string): Question {
  const provider = providerOf(kind, { baseUrl: new URL(upstream.url) });
  const request = helloRequest(model);
  const dialect = provider.dialect(request, model);
  return { provider, dialect, heardBy: dialect, target: { provider: kind, model }, request, key: CANARY };
}

async function recorded(kind: string, model: string, stream: boolean): Promise<CaseFiles> {
  const question = questionOf(kind, model);
  return filesOf(question, await ask(question, stream), stream ? 'stream' : 'unary', scrubber([CANARY]));
}

describe('what is kept of a provider that repeats the key wherever it can', () => {
  /** Without a stream there is no halfway. */
  const cut: readonly Scenario[] = ['fails-halfway', 'stops-halfway'];
  const asked = [true, false].flatMap((stream) =>
    scenarios
      .filter((scenario) => scenario !== 'talks-nonsense' && (stream || !cut.includes(scenario)))
      .map((scenario) => ({ scenario, stream })),
  );

  it.each([...providerKinds.keys()])('holds no key: %s', async (kind) => {
    for (const { scenario, stream } of asked) {
      const files = await recorded(kind, scenario, stream);
      const meaning = scenario === 'answers' ? 'reply.json' : 'failure.json';
      expect(Object.keys(files), `${scenario} ${stream}`).toContain(meaning);
      for (const [name, text] of Object.entries(files)) {
        expect(text).not.toContain(CANARY);
        expect(holdsSecret(text, [CANARY]), `${scenario} ${stream} ${name}: ${text}`).toBe(false);
      }
    }
    expect([...upstream.headerValues].join('\n')).toContain(CANARY);
  });

  it('is nothing where the answer is not JSON', async () => {
    await expect(recorded('openai', 'talks-nonsense', false)).rejects.toThrow('not JSON');
  });
});

describe('the folders of a case', () => {
  const body = { 'body.json': 'b', 'reply.json': 'r' };
  const stream = { 'stream.txt': 's', 'reply.json': 'r' };

  it.each([
    ['only one way', body, undefined, { hello: body }],
    ['the other way', undefined, stream, { hello: stream }],
    ['the same both ways', body, stream, { hello: { ...body, ...stream } }],
    [
      'another answer when streamed',
      body,
      { ...stream, 'reply.json': 'other' },
      { hello: body, 'hello-streamed': { ...stream, 'reply.json': 'other' } },
    ],
    [
      'a failure when streamed',
      body,
      { 'failure.json': 'f' },
      { hello: body, 'hello-streamed': { 'failure.json': 'f' } },
    ],
  ])('%s', (_, unary, streamed, expected) => {
    expect(foldersOf('hello', unary, streamed)).toEqual(expected);
  });
});
