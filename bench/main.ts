import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Bench, type Door, OUT_DIR, type Subject } from './bench.ts';
import { machineFacts } from './machine.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { measureOutage, type OutageOptions } from './outage/measure.ts';
import { outageErrors, outageMarkdown } from './outage/report.ts';
import { type DoorReport, type Report, replaceBetweenMarkers, summarise, toMarkdown } from './report.ts';
import type { Round } from './scenario.ts';
import { scenarios } from './scenarios.ts';

const DOCS = fileURLToPath(new URL('../docs/', import.meta.url));

/** Progress goes to stderr, so that stdout has the tables alone. */
const say = (line: string) => process.stderr.write(`${line}\n`);

async function measureDoor(bench: Bench, door: Door, options: Options): Promise<DoorReport> {
  const { entry, profile, tenancy } = options;
  const subjects = await Promise.all([
    bench.startBare(door, profile),
    bench.startGateway(door, { entry, profile, tenancy }),
  ]);
  const facts = machineFacts([...bench.pids, ...subjects.map(({ pid }) => pid)]);
  const rounds: Record<Subject['name'], Round[]> = { bare: [], gateway: [] };
  try {
    for (const scenario of scenarios) {
      if (!options.scenarioNames.includes(scenario.name)) continue;
      say(`${door}: ${scenario.name}`);
      for (const subject of subjects) await scenario.warmUp(bench, subject, options.scale);
      for (let i = 0; i < options.scale.rounds; i++) {
        for (const subject of subjects) rounds[subject.name].push(await scenario.round(bench, subject, options.scale));
      }
    }
    return summarise(door, rounds, facts.end());
  } finally {
    await Promise.all(subjects.map((subject) => subject.stop()));
  }
}

async function measureDoors(options: Options): Promise<void> {
  const bench = await Bench.start();
  const doors: DoorReport[] = [];
  try {
    for (const door of options.doors) doors.push(await measureDoor(bench, door, options));
  } finally {
    await bench.stop();
  }
  const report: Report = { at: new Date().toISOString(), scale: options.scale, doors };
  const errors = doors.flatMap((door) => door.errors);
  deliver({
    markdown: toMarkdown(report),
    report,
    errors,
    name: options.name,
    page: options.write && 'performance.md',
  });
}

async function measureOutages(outage: OutageOptions, { name, write }: Options): Promise<void> {
  const report = await measureOutage(outage, say);
  const [markdown, errors] = [outageMarkdown(report), outageErrors(report)];
  deliver({ markdown, report, errors, name: `${name}-outage`, page: write && 'resilience.md' });
}

interface Delivery {
  readonly markdown: string;
  readonly report: object;
  readonly errors: readonly string[];
  /** Of the JSON file. */
  readonly name: string;
  /** Where the tables go besides. */
  readonly page: string | false;
}

function deliver({ markdown, report, errors, name, page }: Delivery): void {
  console.log(markdown);
  mkdirSync(OUT_DIR, { recursive: true });
  writeFileSync(`${OUT_DIR}${name}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
  if (page) writeFileSync(DOCS + page, replaceBetweenMarkers(readFileSync(DOCS + page, 'utf8'), markdown));
  for (const error of errors.slice(0, 20)) say(error);
  if (errors.length > 0) process.exitCode = 1;
}

function parsed(): Options | undefined {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    say(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exitCode = 2;
    return undefined;
  }
}

const options = parsed();
if (options && options.scenarioNames.length > 0) await measureDoors(options);
if (options?.outage) await measureOutages(options.outage, options);
