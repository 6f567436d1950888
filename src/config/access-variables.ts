import { digestOf } from '../access/digest.ts';
import type { Role } from '../core/roles.ts';
import type { Problem } from './problem.ts';
import { callerNameRule, plainKeyRule } from './schema-access.ts';
import type { Variables } from './substitute.ts';

/** A list of keys by their hashes. */
const LIST = 'ANTIPHON_API_KEYS';
/** One key, itself. */
const ADMIN = 'LLM_ADMIN_API_KEY';

export const accessVariables: readonly string[] = [LIST, ADMIN];

/** Those of them that hold a key itself. */
export const accessSecrets: readonly string[] = [ADMIN];

/** A key that the environment has. */
export interface VariableKey {
  readonly variable: string;
  readonly name: string;
  readonly digest: string;
  readonly role: Role;
}

const LISTED = /^(?<name>[^:]*):sha256:(?<digest>[0-9A-Fa-f]{64})$/;

/** The keys of callers in the environment. Adds what is wrong with them to `problems`. */
export function accessKeysOf(variables: Variables, problems: Problem[]): readonly VariableKey[] {
  return [...listed(variables.get(LIST) ?? '', problems), ...admin(variables.get(ADMIN), problems)];
}

function listed(text: string, problems: Problem[]): VariableKey[] {
  const entries = text.split(',').flatMap((entry) => entry.trim() || []);
  return entries.flatMap((entry, i) => {
    const { name = '', digest = '' } = LISTED.exec(entry)?.groups ?? {};
    if (callerNameRule.pattern.test(name))
      return [{ variable: LIST, name, digest: digest.toLowerCase(), role: 'caller' as const }];
    problems.push({
      path: LIST,
      problem: `has an entry that is not a name and a hash: number ${i + 1}`,
      fix: 'Write name:sha256:<64 hexadecimal digits>, with commas between several. Keys themselves do not belong there.',
    });
    return [];
  });
}

function admin(key: string | undefined, problems: Problem[]): VariableKey[] {
  if (key === undefined) return [];
  if (plainKeyRule.pattern.test(key)) return [{ variable: ADMIN, name: ADMIN, digest: digestOf(key), role: 'admin' }];
  problems.push({ path: ADMIN, problem: plainKeyRule.problem, fix: plainKeyRule.fix });
  return [];
}
