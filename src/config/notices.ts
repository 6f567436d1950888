import type { FileConfig } from './schema.ts';
import { similar } from './similar.ts';
import type { Variables } from './substitute.ts';
import { futureProviders, providerVariable, variableNames } from './variables.ts';

function unusedOfFuture(variables: Variables, config: FileConfig): string[] {
  return futureProviders
    .filter((provider) => !Object.hasOwn(config.providers, provider))
    .flatMap((provider) => [providerVariable(provider, 'API_KEY'), providerVariable(provider, 'BASE_URL')])
    .filter((name) => variables.has(name))
    .map((name) => `${name} is set and not used: this version has no such provider yet.`);
}

const PREFIX = 'ANTIPHON_';

/** Only names that look like ours: container platforms set others with the same beginning. */
function misspelt(variables: Variables): string[] {
  const endings = (names: readonly string[]) =>
    names.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length));
  const known = endings(variableNames);
  return endings([...variables.keys()]).flatMap((name) => {
    const meant = known.includes(name) ? undefined : similar(name, known);
    return meant === undefined ? [] : [`${PREFIX}${name} is set and not known: did you mean ${PREFIX}${meant}?`];
  });
}

function ineffective(variables: Variables, config: FileConfig): string[] {
  const notices: string[] = [];
  if (variables.has('LLM_MAX_RETRIES'))
    notices.push('LLM_MAX_RETRIES is set and not used: retries come with a later version.');
  const isAboutNobody = !variables.has('LLM_BASE_URL') && config.models.default_provider === undefined;
  if (variables.has('LLM_API_KEY') && isAboutNobody)
    notices.push('LLM_API_KEY is set and not used: set LLM_PROVIDER or LLM_BASE_URL to say whose key it is.');
  if (config.mock.use === false && 'mock' in config.providers)
    notices.push('The provider mock is in the file, and stays off: USE_MOCK_LLM is false.');
  return notices;
}

const isLoopback = (host: string) => host === 'localhost' || host === '::1' || host.startsWith('127.');

function exposed({ server }: FileConfig): string[] {
  return isLoopback(server.host)
    ? []
    : [`Listening on ${server.host}: whoever reaches it may call, since this version does not ask who calls.`];
}

/** What a start-up says of an OpenAI provider that is configured and has no key. */
const offNotice = (name: string): string =>
  name === 'openai'
    ? `The provider openai is off: ${providerVariable(name, 'API_KEY')} is not set.`
    : `The provider ${name} is off: it has no api_key.`;

/** What is worth saying at start-up besides which models may be called. */
export const generalNotices = (variables: Variables, config: FileConfig, off: readonly string[]): readonly string[] => [
  ...unusedOfFuture(variables, config),
  ...ineffective(variables, config),
  ...misspelt(variables),
  ...off.map(offNotice),
  ...exposed(config),
];
