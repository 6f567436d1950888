import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Bench, type Door, OUT_DIR, type Subject } from './bench.ts';
import { machineFacts } from './machine.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { type DoorReport, type Report, replaceBetweenMarkers, summarise, toMarkdown } from './report.ts';
import { type Round, scenarios } from './scenarios.ts';

const PAGE = fileURLToPath(new URL('../docs/performance.md', import.meta.url));

/** Progress goes to stderr, so that stdout has the tables alone. */
const say = (line: string) => process.stderr.write(`${line}\n`);

async function measureDoor(bench: Bench, door: Door, options: Options): Promise<DoorReport> {
  const { entry, profile } = options;
  const subjects = await Promise.all([bench.startBare(door, profile), bench.startGateway(door, entry, profile)]);
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

async function run(options: Options): Promise<Report> {
  const bench = await Bench.start();
  try {
    const doors: DoorReport[] = [];
    for (const door of options.doors) doors.push(await measureDoor(bench, door, options));
    return { at: new Date().toISOString(), scale: options.scale, doors };
  } finally {
    await bench.stop();
  }
}

function deliver(report: Report, { name, write }: Options): void {
  const markdown = toMarkdown(report);
  console.log(markdown);
  mkdirSync(OUT_DIR, { recursive: true });
  writeFileSync(`${OUT_DIR}${name}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
  if (write) writeFileSync(PAGE, replaceBetweenMarkers(readFileSync(PAGE, 'utf8'), markdown));
  const errors = report.doors.flatMap((door) => door.errors);
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
if (options) deliver(await run(options), options);
