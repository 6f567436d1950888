import { text as readAll } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { digestOf } from './access/digest.ts';
import { newKey } from './access/new-key.ts';
import { MAX_KEY_LENGTH } from './access/presented-key.ts';
import { callerNameRule, expiryRule, plainKeyRule } from './config/schema-access.ts';
import { roles } from './core/roles.ts';

export const KEYS_USAGE = `  keys create --name <name> [--team <team>] [--role caller|viewer|admin] [--expires <moment>]
            make a key for a caller, print it once, and print what to write into the file
  keys hash read a key from the standard input and print its hash
`;

const options = {
  name: { type: 'string' },
  team: { type: 'string' },
  role: { type: 'string', multiple: true },
  expires: { type: 'string' },
} as const;

/** Works without a configuration, and changes nothing. False: it was not understood. */
export async function keysCommand([command, ...rest]: readonly string[]): Promise<boolean> {
  if (command === 'hash' && rest.length === 0) return hash();
  return command === 'create' && create(rest);
}

function create(args: readonly string[]): boolean {
  const given = parsed(args);
  const problem = given && problemOf(given);
  if (!given || problem) {
    if (problem) process.stderr.write(`${problem}\n`);
    return false;
  }
  const key = newKey();
  const { name = '', team, role, expires } = given;
  const lines = [
    `    - name: ${JSON.stringify(name)}`,
    `      hash: sha256:${digestOf(key)}`,
    ...(team === undefined ? [] : [`      team: ${JSON.stringify(team)}`]),
    ...(role === undefined ? [] : [`      roles: [${role.join(', ')}]`]),
    ...(expires === undefined ? [] : [`      expires: ${JSON.stringify(expires)}`]),
  ];
  process.stderr.write('The key, which is shown only now. Below it, what to write into the configuration:\n');
  process.stdout.write(`${key}\n\naccess:\n  keys:\n${lines.join('\n')}\n`);
  return true;
}

type Given = ReturnType<typeof parseArgs<{ options: typeof options }>>['values'];

function parsed(args: readonly string[]): Given | undefined {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch {
    return undefined;
  }
}

/** Undefined: none. What was given is not repeated. */
function problemOf({ name, team, role = [], expires }: Given): string | undefined {
  const { pattern, fix } = callerNameRule;
  if (name === undefined || !pattern.test(name)) return `--name is missing or not possible. ${fix}`;
  if (team !== undefined && !pattern.test(team)) return `--team is not possible. ${fix}`;
  if (role.some((each) => !roles.some((known) => known === each))) return `--role is one of: ${roles.join(', ')}.`;
  if (expires !== undefined && (!expiryRule.pattern.test(expires) || Number.isNaN(Date.parse(expires))))
    return '--expires is not a moment. Write it as 2027-01-31T00:00:00Z.';
  return undefined;
}

async function hash(): Promise<boolean> {
  const key = (await readAll(process.stdin)).trim();
  if (key.length <= MAX_KEY_LENGTH && plainKeyRule.pattern.test(key)) {
    process.stdout.write(`sha256:${digestOf(key)}\n`);
    return true;
  }
  process.stderr.write(`What came ${plainKeyRule.problem}. ${plainKeyRule.fix}\n`);
  process.exitCode = 1;
  return true;
}
