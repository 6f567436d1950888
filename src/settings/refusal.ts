import { ConfigError, type Problem } from '../config/problem.ts';
import { GatewayError } from '../core/errors.ts';

/** Where the sections of the file stand in a request, and what that is called there. */
const fields: readonly (readonly [RegExp, string])[] = [
  [/^models\.allowed/, 'settings.allowed_models.patterns'],
  [/^quotas(?=$|\.)/, 'settings.quotas_json'],
  [/^routing(?=$|\.)/, 'settings.routing_json'],
];

const inRequest = (path: string): string =>
  fields.reduce((text, [section, field]) => text.replace(section, field), path);

const asItIs = (path: string): string => path;

/** What is wrong with settings, by the fields of the request where it is wrong there. */
export const settingsRefused = (thrown: unknown): unknown => refused(thrown, inRequest);

/** What is wrong with the configuration as a whole, by its own paths. */
export const configurationRefused = (thrown: unknown): unknown => refused(thrown, asItIs);

function refused(thrown: unknown, fieldOf: (path: string) => string): unknown {
  if (!(thrown instanceof ConfigError)) return thrown;
  const violations = thrown.problems.map(({ path, problem, fix }) => ({
    field: fieldOf(path),
    description: `${problem}. ${fix}`,
  }));
  return new GatewayError('invalid_request', sentence(thrown.problems), { violations });
}

function sentence([first, ...more]: readonly Problem[]): string {
  const rest = more.length > 0 ? ` (and ${more.length} more)` : '';
  return `The configuration would not be valid: ${first?.path} ${first?.problem}${rest}. Nothing was changed.`;
}
