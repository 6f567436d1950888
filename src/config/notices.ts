import { isLoopback } from './addresses.ts';
import { allKeyVariables, keyVariables, MOCK, variablesOfKinds } from './kinds.ts';
import type { OffProvider, Providers } from './providers.ts';
import type { FileConfig } from './schema.ts';
import { similar } from './similar.ts';
import type { Variables } from './substitute.ts';
import { variableNames } from './variables.ts';

/** Of several variables for one key only the first that is set counts. */
function secondNames(variables: Variables): string[] {
  return variablesOfKinds.flatMap(keyVariables).flatMap((names) => {
    const [first, ...others] = names.filter((name) => variables.has(name));
    const different = others.filter((name) => first && variables.get(name) !== variables.get(first));
    return different.map((name) => `${name} is set and not used: ${first} is.`);
  });
}

/** A number that no key has would leave a key out in silence. */
function otherNumbers(variables: Variables): string[] {
  const ofKinds = variablesOfKinds.flatMap(({ keys }) => keys);
  return [...variables.keys()].flatMap((name) => {
    const base = name.replace(/_\d+$/, '');
    if (base === name || allKeyVariables.includes(name)) return [];
    if (base === 'LLM_API_KEY') return [`${name} is set and not used: list further keys in the file, as api_keys.`];
    return ofKinds.includes(base) ? [`${name} is set and not used: further keys are ${base}_2 to ${base}_9.`] : [];
  });
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
  const isAboutNobody = !variables.has('LLM_BASE_URL') && config.models.default_provider === undefined;
  if (variables.has('LLM_API_KEY') && isAboutNobody)
    notices.push('LLM_API_KEY is set and not used: set LLM_PROVIDER or LLM_BASE_URL to say whose key it is.');
  if (config.mock.use === false && MOCK in config.providers)
    notices.push('The provider mock is in the file, and stays off: USE_MOCK_LLM is false.');
  return notices;
}

/** What else is reachable is refused: see `exposureProblems`. */
function exposed({ server, access }: FileConfig): string[] {
  return access.auth !== 'none' || isLoopback(server.host)
    ? []
    : [`Listening on ${server.host}: whoever reaches it may call, since access.auth is none.`];
}

const captured = ({ telemetry }: FileConfig): string[] => {
  if (!telemetry.capture_content) return [];
  return telemetry.otlp_endpoint === undefined
    ? ['telemetry.capture_content is true and has no effect: there is no collector of spans.']
    : ['Spans hold what is asked and answered (telemetry.capture_content): see who may read them.'];
};

/** What a start-up says of a provider that is configured in part. A variable is known by its capitals. */
const offNotice = ({ name, lacks }: OffProvider): string =>
  `The provider ${name} is off: ${lacks === lacks.toUpperCase() ? `${lacks} is not set` : `it has no ${lacks}`}.`;

/** What the file says of models of providers that nobody can call. */
function idleModels({ catalogue, mock }: FileConfig, { on }: Providers): string[] {
  const named = Object.keys(catalogue.models).map((target) => target.slice(0, target.indexOf('/')));
  const idle = [...new Set(named)].filter((name) => name !== MOCK && !on.some((provider) => provider.name === name));
  if (mock.use) return [];
  return idle.map((name) => {
    const meant = similar(
      name,
      on.map((provider) => provider.name),
    );
    const end = meant === undefined ? '.' : `: did you mean ${meant}?`;
    return `catalogue.models has models of ${name}, which is not on, so they have no effect${end}`;
  });
}

/** What is worth saying at start-up besides which models may be called. */
export const generalNotices = (variables: Variables, config: FileConfig, providers: Providers): readonly string[] => [
  ...secondNames(variables),
  ...otherNumbers(variables),
  ...ineffective(variables, config),
  ...misspelt(variables),
  ...providers.off.map(offNotice),
  ...idleModels(config, providers),
  ...exposed(config),
  ...captured(config),
];
