import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Door, doors, type Tenancy } from './bench.ts';
import type { OutageOptions } from './outage/measure.ts';
import type { Scale } from './scenario.ts';
import { scenarios } from './scenarios.ts';

export interface Options {
  readonly doors: readonly Door[];
  readonly scenarioNames: readonly string[];
  readonly scale: Scale;
  /** Undefined: it is not asked for. */
  readonly outage: OutageOptions | undefined;
  /** Have both servers write a CPU profile. */
  readonly profile: boolean;
  /** Undefined: the gateway as it starts without a file. */
  readonly tenancy: Tenancy | undefined;
  /** Put the tables into docs/performance.md, and that of the outage into docs/resilience.md. */
  readonly write: boolean;
  /** Of the JSON file. */
  readonly name: string;
  /** The script that is the gateway. */
  readonly entry: string;
}

const SOURCE_ENTRY = fileURLToPath(new URL('../src/cli.js', import.meta.url));

const FULL: Scale = { rounds: 5, seconds: 2, warmUpSeconds: 15, pacedStreams: 1000, pacedSeconds: 10, cancels: 50 };
const QUICK: Scale = { rounds: 1, seconds: 0.8, warmUpSeconds: 0.5, pacedStreams: 200, pacedSeconds: 1, cancels: 5 };

const OUTAGE = 'outage';
const FULL_OUTAGE = { seconds: 60, warmUpSeconds: 10 };
const QUICK_OUTAGE = { seconds: 2, warmUpSeconds: 1 };

export const USAGE = `npm run bench -- [options]
  --quick             a short run that shows the bench works; its figures mean little
  --door <name>       ${doors.join(', ')}; all if not given
  --scenario <names>  some of ${scenarios.map(({ name }) => name).join(',')}; all of these if not given.
                      ${OUTAGE}: the gateway alone, on gRPC, while one of three providers is in trouble
  --seconds <number>  how long each trouble of ${OUTAGE} lasts; ${FULL_OUTAGE.seconds} if not given
  --tenancy           the gateway has keys, limits, budgets and the cache
  --redis <url>       the same, with its state in this Redis
  --profile           both servers write a CPU profile into bench/out/profiles
  --write             put the tables into docs/performance.md and docs/resilience.md
  --name <name>       the result is bench/out/<name>.json; "latest" if not given
  --entry <file>      the gateway's script; src/cli.js if not given`;

/** Errors: what is wrong with the arguments, and USAGE. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      door: { type: 'string' },
      scenario: { type: 'string' },
      seconds: { type: 'string' },
      tenancy: { type: 'boolean', default: false },
      redis: { type: 'string' },
      profile: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      name: { type: 'string', default: 'latest' },
      entry: { type: 'string', default: SOURCE_ENTRY },
    },
  });
  const names = scenariosOf(values.scenario);
  const entry = resolve(values.entry);
  const outage = { ...(values.quick ? QUICK_OUTAGE : FULL_OUTAGE), entry };
  return {
    doors: doorsOf(values.door),
    scenarioNames: names.filter((name) => name !== OUTAGE),
    outage: names.includes(OUTAGE) ? { ...outage, ...secondsOf(values.seconds) } : undefined,
    scale: values.quick ? QUICK : FULL,
    tenancy: values.tenancy || values.redis ? { redisUrl: values.redis } : undefined,
    profile: values.profile,
    write: values.write,
    name: fileName(values.name),
    entry,
  };
}

function doorsOf(door: string | undefined): readonly Door[] {
  if (door === undefined) return doors;
  const known = doors.find((each) => each === door);
  if (known) return [known];
  throw new Error(`There is no door "${door}".`);
}

function scenariosOf(list: string | undefined): readonly string[] {
  const known = scenarios.map(({ name }) => name);
  const names = list?.split(',') ?? known;
  const unknown = names.find((name) => name !== OUTAGE && !known.includes(name));
  if (unknown !== undefined) throw new Error(`There is no scenario "${unknown}".`);
  return names;
}

function secondsOf(text: string | undefined): { seconds?: number } {
  if (text === undefined) return {};
  const seconds = Number(text);
  if (seconds > 0) return { seconds };
  throw new Error('The seconds must be a number above 0.');
}

function fileName(name: string): string {
  if (/^[\w-]+$/.test(name)) return name;
  throw new Error('The name may have letters, digits, "_" and "-".');
}
