import { isDeepStrictEqual } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Fixture, loadFixtures } from '../support/fixtures.ts';
import { misfits, type TypedBody } from './wire-types/compile.ts';
import { type Exception, exceptions } from './wire-types/exceptions.ts';

type Sent = Fixture & { readonly wire: NonNullable<Fixture['wire']> };

const sent = loadFixtures().filter((fixture): fixture is Sent => fixture.wire !== undefined);

const kindOf = ({ name }: Fixture): string => name.slice(0, name.indexOf('/'));

/** The type that a body must have. Undefined: no package has one. */
function typeOf(fixture: Sent): string | undefined {
  const { wire } = fixture;
  if (wire.path === '/responses') return 'ResponsesBody';
  if (wire.path === '/messages') return 'MessagesBody';
  if (/:(?:streamG|g)enerateContent\b/.test(wire.path)) return 'GenerateBody';
  if (wire.path !== '/chat/completions') return undefined;
  const kind = kindOf(fixture);
  if (kind === 'openrouter') return 'OpenRouterBody';
  return kind === 'openai' || kind === 'yandex_ai_studio' ? 'ChatBody' : 'CompatibleBody';
}

const appliesTo = ({ of }: Exception, name: string): boolean => of === name || of === name.replace(/\/.*/, '/*');

/** The body without one field. */
function without(value: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item, i) => (key === '*' || key === `${i}` ? without(item, rest) : item));
  const kept = Object.entries(value).filter(([name]) => name !== key || rest.length > 0);
  return Object.fromEntries(
    kept.map(([name, inner]) => [name, name === key || key === '*' ? without(inner, rest) : inner]),
  );
}

/** What stands in the body as the caller put it into provider_options is the caller's: no type has to know it. */
const optionsOf = (fixture: Sent): string[][] =>
  Object.entries(fixture.request?.providerOptions[kindOf(fixture)] ?? {})
    .filter(([name, value]) => isDeepStrictEqual(fixture.wire.body[name], value))
    .map(([name]) => [name]);

function typedOf(fixture: Sent, exempt: readonly Exception[]): TypedBody | undefined {
  const type = typeOf(fixture);
  if (type === undefined) return undefined;
  const stated = exempt.filter((one) => appliesTo(one, fixture.name)).map(({ path }) => path);
  const body = [...optionsOf(fixture), ...stated].reduce<unknown>(without, fixture.wire.body);
  return { name: fixture.name, type, body };
}

const isTyped = (body: TypedBody | undefined): body is TypedBody => body !== undefined;

const typed = sent.map((fixture) => typedOf(fixture, exceptions)).filter(isTyped);

/** Bodies that must not fit, so that it is known that the compiler looks at all of it. */
const wrong: readonly TypedBody[] = [
  { name: 'wrong/chat', type: 'ChatBody', body: { model: 'm', messages: [], top_k: 1 } },
  { name: 'wrong/compatible', type: 'CompatibleBody', body: { model: 'm', messages: [{ role: 'user' }] } },
  {
    name: 'wrong/openrouter',
    type: 'OpenRouterBody',
    body: { model: 'm', messages: [{ role: 'user', content: [{ type: 'text', text: 'a', cache_control: {} }] }] },
  },
  { name: 'wrong/responses', type: 'ResponsesBody', body: { model: 'm', input: [{ type: 'function_call' }] } },
  { name: 'wrong/messages', type: 'MessagesBody', body: { model: 'm', messages: [], max_tokens: '16' } },
  { name: 'wrong/generate', type: 'GenerateBody', body: { contents: [{ parts: [{ texts: 'a' }] }] } },
  {
    name: 'wrong/generate-word',
    type: 'GenerateBody',
    body: { contents: [], toolConfig: { functionCallingConfig: { mode: 'any' } } },
  },
];

describe('the bodies of wire.json have the types of the official packages', () => {
  let found: ReadonlyMap<string, string>;

  beforeAll(async () => {
    found = await misfits([...typed, ...wrong]);
  }, 120_000);

  it.each(typed)('$name is a $type', ({ name }) => {
    expect(found.get(name)).toBeUndefined();
  });

  it.each(wrong)('$name is none', ({ name }) => {
    expect(found.get(name)).toMatch(/error TS\d+/);
  });

  it('says nothing else', () => {
    expect(found.get('the compiler itself')).toBeUndefined();
  });

  it('needs every exception', async () => {
    for (const exception of exceptions) {
      const others = exceptions.filter((one) => one !== exception);
      const of = sent.filter(({ name }) => appliesTo(exception, name)).map((fixture) => typedOf(fixture, others));
      expect((await misfits(of.filter(isTyped))).size, `${exception.of} ${exception.path.join('.')}`).toBeGreaterThan(
        0,
      );
    }
  });
});

describe('every provider has at least 15 requests', () => {
  const faces: Readonly<Record<string, (fixture: Sent) => boolean>> = {
    'openai chat': (one) => kindOf(one) === 'openai' && one.wire.path === '/chat/completions',
    'openai responses': (one) => one.wire.path === '/responses',
    anthropic: (one) => kindOf(one) === 'anthropic',
    google: (one) => kindOf(one) === 'google',
    openrouter: (one) => kindOf(one) === 'openrouter',
    'yandex_ai_studio chat': (one) => kindOf(one) === 'yandex_ai_studio' && one.wire.path === '/chat/completions',
    // No npm package has types for what goes there, but for those made from its protos, which name all fields otherwise.
    'yandex_ai_studio native': (one) => kindOf(one) === 'yandex_ai_studio' && typeOf(one) === undefined,
  };

  it.each(Object.entries(faces))('%s', (_, belongs) => {
    expect(sent.filter(belongs).length).toBeGreaterThanOrEqual(15);
  });

  it('leaves no body without a type but those of Yandex', () => {
    const untyped = sent.filter((one) => typeOf(one) === undefined);
    expect(untyped.filter((one) => kindOf(one) !== 'yandex_ai_studio')).toEqual([]);
    expect(typed.length + untyped.length).toBe(sent.length);
  });
});
