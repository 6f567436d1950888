import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { providerKinds } from '../../src/providers/registry.ts';
import { startGateway } from '../support/gateway.ts';
import { chatBody, type Line, startUpstream, type Upstream } from '../support/upstream.ts';
import { runScript } from './running.ts';

const OPENAI = 'sk-test-smoke-openai';
const GROQ = 'sk-test-smoke-groq';

let upstream: Upstream;
let answer: (line: Line) => void;

const isStream = ({ request }: Line): boolean => JSON.parse(request.body).stream === true;
const isOf = ({ request }: Line, key: string): boolean => request.headers.authorization === `Bearer ${key}`;

const well = (line: Line): void => {
  if (!isStream(line)) return line.json(200, chatBody('hello'));
  line.startStream();
  line.text('hello');
  line.finish();
};

beforeEach(async () => {
  upstream = await startUpstream((line) => answer(line));
});

afterEach(() => upstream.close());

const smoke = (env: Readonly<Record<string, string>>, args: readonly string[] = []) => runScript('smoke.ts', args, env);

const both = () => ({
  OPENAI_API_KEY: OPENAI,
  OPENAI_BASE_URL: upstream.url,
  GROQ_API_KEY: GROQ,
  GROQ_BASE_URL: upstream.url,
});

describe('the smoke test', () => {
  it('calls each provider that has a key both ways, and says what that took', async () => {
    answer = well;
    const { exitCode, stdout, stderr } = await smoke(both());
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^provider +model +mode +latency +first token +in +out +cost$/m);
    expect(stdout).toMatch(/^openai +gpt-\S+ +unary +\d+ ms +- +7 +3 +\$0\.000002200$/m);
    expect(stdout).toMatch(/^openai +gpt-\S+ +stream +\d+ ms +\d+ ms +7 +3 +\$0\.000002200$/m);
    expect(stdout).toMatch(/^groq +\S+ +unary +\d+ ms +- +7 +3 +unpriced$/m);
    expect(stdout).toMatch(/^groq +\S+ +stream +\d+ ms +\d+ ms +7 +3 +unpriced$/m);
    expect(upstream.received).toHaveLength(4);
    const skipped = stdout.split('\n').filter((line) => line.startsWith('skipped'));
    const kinds = [...providerKinds.keys()].filter((kind) => !['openai', 'groq', 'openai_compatible'].includes(kind));
    expect(skipped.map((line) => line.split(/[ :]/)[1])).toEqual(kinds);
    expect(stdout).toContain('skipped anthropic: it is not switched on here. Set ANTHROPIC_API_KEY.');
    expect(stdout).toMatch(/^skipped google: .* Set .*GEMINI_API_KEY/m);
    expect(stdout).toMatch(/^skipped yandex_ai_studio: .* Set .*YANDEX_API_KEY.* and YANDEX_FOLDER_ID/m);
    expect(stdout).toMatch(/^skipped ollama: .* Set OLLAMA_BASE_URL\.$/m);
    expect(stdout).toMatch(/^skipped azure: .* Set AZURE_API_KEY and AZURE_BASE_URL\.$/m);
  });

  it('ends with 1 if one failed, after it has called the others', async () => {
    answer = (line) =>
      isOf(line, OPENAI) && isStream(line)
        ? line.json(401, { error: { message: `Incorrect API key provided: ${OPENAI}` } })
        : well(line);
    const { exitCode, stdout, stderr } = await smoke(both());
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^openai +\S+ +unary /m);
    expect(stdout).toMatch(
      /^openai\/\S+ stream: FAILED, FailedPrecondition: The provider refused the gateway's credential/m,
    );
    expect(stdout).toMatch(/^groq +\S+ +stream /m);
    expect(stdout + stderr).not.toContain(OPENAI);
  });

  it('takes an empty answer for a failure', async () => {
    answer = (line) => line.json(200, chatBody(''));
    expect((await smoke(both())).exitCode).toBe(1);
  });

  it('calls a gateway that runs already, and the models that it is told to', async () => {
    answer = well;
    const gateway = await startGateway({ env: { ...both(), ALLOWED_MODELS: '*' } });
    const { exitCode, stdout } = await smoke({}, [
      ...['--address', `127.0.0.1:${gateway.grpcPort}`],
      ...['--model', 'groq/some-model', '--model', 'openai/gpt-4.1'],
    ]);
    await gateway.close();
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^groq +some-model +stream/m);
    const models = upstream.received.map(({ body }) => JSON.parse(body).model);
    expect(models).toEqual(['gpt-4.1', 'gpt-4.1', 'some-model', 'some-model']);
  });

  it('does not pass over a model whose provider is not there', async () => {
    answer = well;
    const { exitCode, stdout } = await smoke(both(), ['--model', 'gpt-4.1', '--model', 'nobody/some-model']);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^gpt-4\.1 was not called: write "provider\/id"/m);
    expect(stdout).toMatch(/^nobody\/some-model was not called: /m);
    expect(upstream.received).toHaveLength(4);
  });

  it('calls nobody without a key', async () => {
    const { exitCode, stdout } = await smoke({});
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^skipped openai: .* Set OPENAI_API_KEY\.$/m);
    expect(stdout).toMatch(/^Nothing was called: no provider is switched on\.$/m);
  });

  it.each([
    ['an unknown option', ['--nonsense'], {}, 2],
    ['a gateway that is not there', ['--address', '127.0.0.1:1'], {}, 1],
    ['a configuration with a mistake', [], { OPENAI_API_KEY: OPENAI, OPENAI_BASE_URL: 'nonsense' }, 1],
  ])('says what is wrong with %s', async (_, args, env, expected) => {
    const { exitCode, stdout, stderr } = await smoke(env, args);
    expect({ exitCode, stdout }).toEqual({ exitCode: expected, stdout: '' });
    expect(stderr).not.toBe('');
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(stderr).not.toContain(OPENAI);
  });
});
