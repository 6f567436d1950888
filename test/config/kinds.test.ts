import { describe, expect, it } from 'vitest';
import { COMPATIBLE, variablesOfKinds } from '../../src/config/kinds.ts';
import { providerKinds } from '../../src/providers/registry.ts';
import { type Env, load } from './loading.ts';

const providersOf = (env: Env, file?: string) => load({ ALLOWED_MODELS: '*', ...env }, file).providers;

const kinds = variablesOfKinds.map((variables) => {
  const kind = providerKinds.get(variables.kind);
  if (!kind) throw new Error('unreachable');
  const folder: Env = variables.folderId === undefined ? {} : { [variables.folderId]: 'b1g00000000000000000' };
  const address: Env = kind.baseUrl === undefined ? { [variables.baseUrl]: 'https://x.example/v1' } : {};
  return { ...variables, needsKey: kind.needsKey, fixed: kind.baseUrl, key: variables.keys[0] ?? '', folder, address };
});

describe('every kind of the registry', () => {
  it('has variables, but for the one for any server', () => {
    expect([...kinds.map(({ kind }) => kind), COMPATIBLE].toSorted()).toEqual([...providerKinds.keys()].toSorted());
  });

  it.each(kinds.filter(({ needsKey }) => needsKey))(
    '$kind is on by its key',
    ({ kind, key, fixed, folder, address }) => {
      const [provider, ...others] = providersOf({ [key]: 'k', ...folder, ...address });
      expect(others).toEqual([]);
      expect(provider).toMatchObject({ name: kind, kind, keys: [{ name: key, value: 'k', weight: 1 }] });
      expect(provider?.baseUrl?.href).toBe(new URL(fixed ?? 'https://x.example/v1').href);
    },
  );

  it.each(kinds.filter(({ needsKey }) => !needsKey))('$kind is on by its address', ({ kind, baseUrl }) => {
    const [provider, ...others] = providersOf({ [baseUrl]: 'http://localhost:9/v1' });
    expect(others).toEqual([]);
    expect(provider).toMatchObject({ name: kind, kind, keys: [] });
    expect(provider?.baseUrl?.href).toBe('http://localhost:9/v1');
  });

  it.each(kinds.filter(({ needsKey }) => !needsKey))('$kind is on by its name', ({ kind, fixed }) => {
    for (const providers of [providersOf({ LLM_PROVIDER: kind }), providersOf({}, `providers: { ${kind}: }`)])
      expect(providers.map(({ name, baseUrl }) => [name, baseUrl?.href])).toEqual([[kind, fixed]]);
  });

  it.each(kinds.filter(({ needsKey }) => !needsKey))(
    '$kind is off if only its key is there',
    ({ kind, key, baseUrl }) => {
      const { providers, notices } = load({ [key]: 'k' });
      expect(providers.map(({ name }) => name)).toEqual(['mock']);
      expect(notices).toContain(`The provider ${kind} is off: ${baseUrl} is not set.`);
      expect(providersOf({ [key]: 'k', LLM_PROVIDER: kind }).map(({ keys }) => keys.length)).toEqual([1]);
    },
  );

  it.each(kinds)('$kind can be elsewhere', ({ kind, key, baseUrl, folder }) => {
    const [provider] = providersOf({ [key]: 'k', ...folder, [baseUrl]: 'https://other.example/v2/' });
    expect([provider?.name, provider?.baseUrl?.href]).toEqual([kind, 'https://other.example/v2']);
  });

  it.each(kinds.filter(({ folderId }) => folderId))('$kind is off without its folder', ({ kind, key, folderId }) => {
    expect(load({ [key]: 'k' }).notices).toContain(`The provider ${kind} is off: ${folderId} is not set.`);
  });
});

it('prefers those of the file, and then those that stand first in the registry', () => {
  const env = Object.fromEntries(
    kinds.flatMap(({ key, baseUrl, folder, address, needsKey }) => [
      needsKey ? [key, 'k'] : [baseUrl, 'http://localhost:9/v1'],
      ...Object.entries({ ...folder, ...address }),
    ]),
  );
  const names = providersOf(env, 'providers: { xai: {}, mine: { base_url: "https://x.example" } }').map(
    ({ name }) => name,
  );
  const rest = kinds.map(({ kind }) => kind).filter((kind) => kind !== 'xai');
  expect(names).toEqual(['xai', 'mine', ...rest]);
});

it('says little when every key is set', () => {
  const env = Object.fromEntries(
    kinds
      .filter(({ needsKey }) => needsKey)
      .flatMap(({ key, folder, address }) => [[key, 'k'], ...Object.entries({ ...folder, ...address })]),
  );
  expect(load(env).notices.length).toBeLessThanOrEqual(3);
});
