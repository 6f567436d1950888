import { digestOf } from '../access/digest.ts';
import type { AccessSettings, KeyRecord } from '../access/key-record.ts';
import { anonymous } from '../core/call.ts';
import { accessKeysOf, type VariableKey } from './access-variables.ts';
import { isLoopback } from './addresses.ts';
import type { Problem } from './problem.ts';
import type { FileConfig } from './schema.ts';
import type { KeyEntry } from './schema-access.ts';
import { suggestion } from './similar.ts';
import type { Variables } from './substitute.ts';
import { pathText } from './tree.ts';

export interface Access {
  readonly access: AccessSettings;
  readonly problems: readonly Problem[];
}

/** A key, and where it is said. */
interface PlacedKey {
  readonly record: KeyRecord;
  readonly path: string;
}

/** Settles who may call: the keys of the file, and those of the environment. */
export function accessOf({ access }: Pick<FileConfig, 'access'>, variables: Variables): Access {
  const problems: Problem[] = [];
  const teams = new Map(
    Object.entries(access.teams).map(([name, team]) => [name, { allowedModels: team.allowed_models }]),
  );
  const ofFile = access.keys.flatMap((entry, i) => keyOfFile(entry, pathText(['access', 'keys', i]), problems));
  const ofVariables = accessKeysOf(variables, problems).map(keyOfVariable);
  const keys = [...ofFile, ...ofVariables];
  problems.push(...keys.flatMap(({ record, path }) => teamProblem(record.team, path, [...teams.keys()])));
  problems.push(...doubles(keys), ...contradictions(access.auth, keys));
  const isOpenInWords = access.auth === 'none';
  return { access: { keys: keys.map(({ record }) => record), teams, isOpenInWords }, problems };
}

function keyOfFile(entry: KeyEntry, path: string, problems: Problem[]): PlacedKey[] {
  const { name, hash, key, team = '', roles, allowed_models: allowedModels, expires, revoked } = entry;
  const digest = hash?.slice(hash.indexOf(':') + 1).toLowerCase() ?? (key === undefined ? undefined : digestOf(key));
  const expiresMs = expires === undefined ? undefined : Date.parse(expires);
  if (digest === undefined || (hash !== undefined && key !== undefined))
    problems.push({
      path,
      problem: digest === undefined ? 'has neither hash nor key' : 'has hash and key',
      fix: 'Keep one of the two: the hash, as "antiphon keys create" prints it, or a reference to the key.',
    });
  if (Number.isNaN(expiresMs))
    problems.push({ path: `${path}.expires`, problem: 'is no moment that there is', fix: 'See the day and the time.' });
  if (digest === undefined) return [];
  return [{ record: { name, digest, team, roles, allowedModels, expiresMs, isRevoked: revoked }, path }];
}

const keyOfVariable = ({ variable, name, digest, role }: VariableKey): PlacedKey => ({
  path: variable,
  record: { name, digest, team: '', roles: [role], allowedModels: undefined, expiresMs: undefined, isRevoked: false },
});

const teamProblem = (team: string, path: string, teams: readonly string[]): Problem[] =>
  team === '' || teams.includes(team)
    ? []
    : [
        {
          path: `${path}.team`,
          problem: 'names a team that is not there',
          fix: suggestion(team, teams, 'Add it to access.teams.'),
        },
      ];

/** Names are told apart in logs, and so in the same case only if they differ in more. */
function doubles(keys: readonly PlacedKey[]): Problem[] {
  const names = new Set([anonymous.name]);
  const digests = new Set<string>();
  return keys.flatMap(({ record: { name, digest }, path }) => {
    const found: Problem[] = [];
    if (names.has(name.toLowerCase()))
      found.push({ path, problem: 'has a name that is taken', fix: 'Give every key a name of its own.' });
    if (digests.has(digest))
      found.push({ path, problem: 'is a key that is there already', fix: 'Remove one of the two, or make a new key.' });
    names.add(name.toLowerCase());
    digests.add(digest);
    return found;
  });
}

const contradictions = (auth: string | undefined, keys: readonly PlacedKey[]): Problem[] =>
  auth === 'none' && keys.length > 0
    ? [
        {
          path: 'access.auth',
          problem: 'says that no key is asked for, and there are keys',
          fix: 'Remove it to have callers asked for a key, or remove the keys.',
        },
      ]
    : [];

/** Whoever could reach the gateway could spend the keys of its providers. */
export function exposureProblems(host: string, { keys, isOpenInWords }: AccessSettings): Problem[] {
  if (keys.length > 0 || isOpenInWords || isLoopback(host)) return [];
  return [
    {
      path: 'server.host',
      problem: 'can be reached from other machines, and no caller is asked for a key',
      fix: 'Add a key to access.keys ("antiphon keys create" makes one), set LLM_ADMIN_API_KEY, listen on 127.0.0.1, or let everybody call: set access.auth (ANTIPHON_AUTH) to none.',
    },
  ];
}

/** A file of which nothing is left yet, or any more, must not open the gateway to everybody. */
export function lossProblems(before: AccessSettings, { keys, isOpenInWords }: AccessSettings): Problem[] {
  if (before.keys.length === 0 || keys.length > 0 || isOpenInWords) return [];
  return [
    {
      path: 'access.keys',
      problem: 'has none any more, so that everybody might call from now on',
      fix: 'See that the file is whole. Where that is wanted, set access.auth to none.',
    },
  ];
}
