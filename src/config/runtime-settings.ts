import type { Variables } from './substitute.ts';
import { type Branch, type Path, pathText, withValue } from './tree.ts';

/** What was changed while the gateway runs. What is undefined is as the file and the environment have it. */
export interface RuntimeSettings {
  /** Goes up with every change. */
  readonly revision: number;
  /** Instead of `models.allowed`. */
  readonly allowedModels?: readonly string[] | undefined;
  /** Instead of the section `quotas`, as it would stand in the file. */
  readonly quotas?: Branch | undefined;
  /** Instead of the section `routing`. */
  readonly routing?: Branch | undefined;
}

/** Where each of them stands in the file. There are no others: nothing else can be changed so. */
const places = {
  allowedModels: ['models', 'allowed'],
  quotas: ['quotas'],
  routing: ['routing'],
} as const satisfies Record<Exclude<keyof RuntimeSettings, 'revision'>, Path>;

type Setting = keyof typeof places;

const settingNames = Object.keys(places) as readonly Setting[];

const changedIn = (settings: RuntimeSettings | undefined): readonly Setting[] =>
  settingNames.filter((name) => settings?.[name] !== undefined);

/** The file and the environment with such settings in the place of what is there. */
export interface LaidOver {
  readonly tree: Branch;
  /** Whether what is at this path came from the settings, and so from no variable. */
  readonly isChanged: (path: Path) => boolean;
}

/**
 * Lays settings over what has been read and expanded: references in them stay the texts that they are, so that nobody
 * reads a variable or a file through them.
 */
export function layOver(tree: Branch, settings: RuntimeSettings | undefined): LaidOver {
  const changed = changedIn(settings);
  const begins = (path: Path, name: Setting) => places[name].every((key, i) => path[i] === key);
  return {
    tree: changed.reduce((all, name) => withValue(all, places[name], settings?.[name]), tree),
    isChanged: (path) => changed.some((name) => begins(path, name)),
  };
}

/** What a start and a reload say of such settings. */
export function settingsNotices(variables: Variables, settings: RuntimeSettings | undefined): readonly string[] {
  const changed = changedIn(settings);
  if (changed.length === 0) return [];
  const words = new Intl.ListFormat('en-GB').format(changed.map((name) => pathText(places[name])));
  const notices = [`Changed at run time, and not as the file has it (revision ${settings?.revision}): ${words}.`];
  if (settings?.allowedModels && variables.has('ALLOWED_MODELS'))
    notices.push('ALLOWED_MODELS is set and not used: which models may be called was changed at run time.');
  return notices;
}
