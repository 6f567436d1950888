/** One thing that is wrong with the configuration. None of it quotes a value. */
export interface Problem {
  /** Where: a path in the file ("providers.groq.base_url"), the name of a variable, or a line of the file. */
  readonly path: string;
  /** What is wrong there, as the rest of a sentence that begins with the path. */
  readonly problem: string;
  /** What to do about it. */
  readonly fix: string;
}

/** The configuration cannot be used. It has every problem that was found, at least one. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(formatProblems(problems));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

const entry = ({ path, problem, fix }: Problem) => `  ${path} ${problem}\n    ${fix}`;

/** The problems as text for a terminal, two lines each. */
export function formatProblems(problems: readonly Problem[]): string {
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
  return [`The configuration has ${count}:`, ...problems.map(entry)].join('\n');
}
