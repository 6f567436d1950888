import type { Reference } from './expand.ts';
import { type Path, pathText } from './tree.ts';

/** Where the values of the configuration came from. */
export interface Sources {
  /** The variable that a value came from. Undefined: it stands in a file, or is not there. */
  variableOf(path: Path): string | undefined;
  /** Whether the file has a reference there, even to nothing. */
  isReference(path: Path): boolean;
  /** Whether the file itself has a provider of this name. */
  isInFile(provider: string): boolean;
}

/** What is known of sources once the file has been read and the environment laid over it. */
export interface Known {
  /** The variables of the environment, by the texts of their paths. */
  readonly origins: ReadonlyMap<string, string>;
  readonly references: readonly Reference[];
  readonly referred: ReadonlySet<string>;
  /** The names of the providers of the file. */
  readonly inFile: readonly string[];
}

export function sourcesOf({ origins, references, referred, inFile }: Known): Sources {
  const ofVariables = references.filter(({ kind }) => kind === 'variable');
  const variables = new Map(ofVariables.map(({ path, name }) => [pathText(path), name]));
  return {
    variableOf: (path) => origins.get(pathText(path)) ?? variables.get(pathText(path)),
    isReference: (path) => referred.has(pathText(path)),
    isInFile: (provider) => inFile.includes(provider),
  };
}
