import { redactor } from '../core/redact.ts';
import { accessOf, exposureProblems } from './access.ts';
import { assemble } from './assemble.ts';
import { check } from './check.ts';
import type { Config } from './config.ts';
import { conflicts } from './conflicts.ts';
import { expand } from './expand.ts';
import type { ReadFile } from './file-text.ts';
import { idleLimits } from './idle-limits.ts';
import { COMPATIBLE } from './kinds.ts';
import { generalNotices } from './notices.ts';
import { overlay } from './overlay.ts';
import { ConfigError, type Problem } from './problem.ts';
import { resolveProviders } from './providers.ts';
import { referredFiles } from './referred-files.ts';
import { layOver, type RuntimeSettings, settingsNotices } from './runtime-settings.ts';
import { secretsOf } from './secrets.ts';
import { select } from './selection.ts';
import { sourcesOf } from './sources.ts';
import { setVariables, type Variables } from './substitute.ts';
import { tlsOf } from './tls.ts';
import { isBranch, pathText, valueAt } from './tree.ts';
import { type ParsedFile, readYaml } from './yaml-file.ts';

const EMPTY_FILE: ParsedFile = { content: undefined, problems: [] };

function readFileOf(variables: Variables, readFile: ReadFile): ParsedFile {
  const path = variables.get('ANTIPHON_CONFIG');
  const file = path === undefined ? EMPTY_FILE : readYaml(path, readFile);
  if (file.content === undefined || isBranch(file.content)) return file;
  const fix = 'Begin it with settings such as "server:".';
  return { content: undefined, problems: [{ path: 'the file', problem: 'is not a mapping', fix }] };
}

/** What depends on a part that is broken cannot be judged, and would only be noise. */
const isBroken = (problems: readonly Problem[], ...parts: readonly string[]) =>
  problems.some(({ path }) => !path.includes('.') || parts.some((part) => path.startsWith(`${part}.`)));

/** The parts of the file that say where calls may go. */
const CHOICE_DEPENDS_ON = ['providers', 'models', 'mock', 'catalogue', 'routing', 'fallback'];

const impliedProvider = (variables: Variables) =>
  variables.has('LLM_BASE_URL') && !variables.has('LLM_PROVIDER') ? COMPATIBLE : undefined;

/**
 * Makes the configuration from the environment and the file that ANTIPHON_CONFIG names. The environment wins, and over both
 * win the settings that were changed at run time.
 *
 * Errors: ConfigError with every problem at once. No problem and no notice holds a value that may be a secret.
 */
export function loadConfig(
  env: Readonly<Record<string, string | undefined>>,
  readFile: ReadFile,
  settings?: RuntimeSettings,
): Config {
  const variables = setVariables(env);
  const files = new Set<string>();
  const read: ReadFile = (path, ...bounds) => {
    files.add(path);
    return readFile(path, ...bounds);
  };
  const file = readFileOf(variables, read);
  const overlaid = overlay(isBranch(file.content) ? file.content : {}, variables);
  const { origins } = overlaid;
  const expanded = expand(overlaid.tree, variables, (path) => origins.has(pathText(path)), referredFiles(read));
  const { tree, isChanged } = layOver(expanded.tree, settings);
  const isText = (path: string) => origins.has(path) || expanded.referred.has(path);
  const checked = check(tree, (path) => !isChanged(path) && isText(pathText(path)));
  const { config } = checked;
  const inFile = Object.keys(valueAt(file.content, ['providers']) ?? {});
  const sources = sourcesOf({ ...expanded, origins, inFile });
  const providers = resolveProviders(config.providers, config.models.default_provider, sources);

  const problems = firstOfEachPlace(file.problems, expanded.problems, checked.problems, providers.problems);
  const selected = select({ config, providers, impliedProvider: impliedProvider(variables) });
  const who = accessOf(config, variables);
  const secured = tlsOf(config.server.tls, read);
  const together = conflicts(config).filter(({ path }) => !isBroken(problems, path.split('.')[0] ?? ''));
  const chosen = isBroken(problems, ...CHOICE_DEPENDS_ON) ? [] : selected.problems;
  // Of a list of keys with a defect nothing is left, so that there would seem to be none.
  const access = isBroken(problems, 'access') ? [] : who.problems;
  const exposed = isBroken(problems, 'access', 'server') ? [] : exposureProblems(config.server.host, who.access);
  problems.push(
    ...together,
    ...chosen,
    ...overlaid.problems,
    ...secured.problems,
    ...access,
    ...(access.length > 0 ? [] : exposed),
  );

  const secrets = secretsOf(expanded.tree, expanded.references, variables);
  if (problems.length > 0) throw new ConfigError(presentable(problems, originsLeft(origins, settings), secrets));
  const on = selected.selection.providers.map(({ name }) => name);
  const notices = [
    ...generalNotices(variables, config, providers),
    ...settingsNotices(variables, settings),
    ...idleLimits(config, who.access, on),
    ...selected.notices,
  ];
  return assemble(config, selected.selection, {
    access: who.access,
    tls: secured.tls,
    files: [...files],
    secrets,
    notices,
    changed: settings,
  });
}

/** What is left out because of a problem may look wrong to the steps that follow; only the first step is right. */
function firstOfEachPlace(...steps: readonly (readonly Problem[])[]): Problem[] {
  const found: Problem[] = [];
  for (const step of steps) {
    const places = new Set(found.map(({ path }) => path));
    found.push(...step.filter(({ path }) => !places.has(path)));
  }
  return found;
}

/** Those of variables that settings have taken the place of are none any more. */
const originsLeft = (origins: ReadonlyMap<string, string>, settings: RuntimeSettings | undefined) =>
  new Map([...origins].filter(([path]) => !(settings?.allowedModels && path === 'models.allowed')));

/** Names the variable that a value came from; and masks secrets, though none should be there. */
function presentable(problems: readonly Problem[], origins: ReadonlyMap<string, string>, secrets: readonly string[]) {
  const redact = redactor(secrets);
  return problems.map(({ path, problem, fix }) => ({
    path: redact(origins.get(path) ?? path),
    problem: redact(problem),
    fix: redact(fix),
  }));
}
