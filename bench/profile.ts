// node bench/profile.ts <file.cpuprofile>...: where the time of profiles went.
import { readFileSync } from 'node:fs';

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame; readonly children?: number[] }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Milliseconds by name. */
type Times = Map<string, number>;

const ROWS = 40;

function add(times: Times, name: string, ms: number): void {
  times.set(name, (times.get(name) ?? 0) + ms);
}

/** Of ours, "src" or "gen"; else the package, "node", or what V8 does besides running functions. */
function ownerOf({ url, functionName }: CallFrame): string {
  const dependency = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (dependency) return dependency;
  if (url === '') return functionName.startsWith('(') ? functionName : 'native code';
  return /\/(src|gen)\//.exec(url)?.[1] ?? 'node';
}

const isOurs = (owner: string) => owner === 'src' || owner === 'gen';

function placeOf({ url, functionName, lineNumber }: CallFrame): string {
  const file = url.replace(/^.*\/node_modules\//, '').replace(/^file:.*\/(?=(src|gen)\/)/, '');
  return `${file}:${lineNumber + 1} ${functionName}`;
}

/** Self time by node. */
function selfMs({ samples, timeDeltas }: CpuProfile): ReadonlyMap<number, number> {
  const byNode = new Map<number, number>();
  for (const [i, id] of samples.entries()) byNode.set(id, (byNode.get(id) ?? 0) + (timeDeltas[i] ?? 0) / 1000);
  return byNode;
}

function print(title: string, times: Times, totalMs: number): void {
  console.log(`\n${title}`);
  const sorted = [...times].sort(([, a], [, b]) => b - a).slice(0, ROWS);
  for (const [name, ms] of sorted) console.log(`${((ms / totalMs) * 100).toFixed(1).padStart(6)} %  ${name}`);
}

function report(profile: CpuProfile): void {
  const self = selfMs(profile);
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const owners: Times = new Map();
  const functions: Times = new Map();
  const natives: Times = new Map();
  const ownFiles: Times = new Map();
  const onBehalf: Times = new Map();
  let busyMs = 0;
  const visit = (id: number, caller: string) => {
    const node = nodes.get(id);
    if (!node) return;
    const owner = ownerOf(node.callFrame);
    const place = placeOf(node.callFrame);
    const nearest = isOurs(owner) ? place : caller;
    const ms = self.get(id) ?? 0;
    if (node.callFrame.functionName !== '(idle)') {
      busyMs += ms;
      add(owners, owner, ms);
      if (node.callFrame.url !== '') add(functions, place, ms);
      else add(natives, `${node.callFrame.functionName} for ${caller}`, ms);
      if (isOurs(owner)) add(ownFiles, place.slice(0, place.indexOf(':')), ms);
      add(onBehalf, nearest, ms);
    }
    for (const child of node.children ?? []) visit(child, nearest);
  };
  visit(profile.nodes[0]?.id ?? 0, '(none of ours)');
  console.log(`${(busyMs / 1000).toFixed(1)} s of work`);
  print('By owner', owners, busyMs);
  print('Functions of ours, with the library code that they call', onBehalf, busyMs);
  print('Files of ours, alone', ownFiles, busyMs);
  print('Functions, alone', functions, busyMs);
  print('Native code', natives, busyMs);
}

for (const file of process.argv.slice(2)) report(JSON.parse(readFileSync(file, 'utf8')));
