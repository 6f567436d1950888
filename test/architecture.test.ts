import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path/posix';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAst } from 'vitest/node';

/**
 * What each folder and each file at the top of `src` may import of the others. Where an edge is missing, the folder
 * does not need to know of the other, and must not.
 */
const EDGES: Readonly<Record<string, readonly string[]>> = {
  core: ['gen'],
  wire: ['core', 'gen'],
  catalogue: ['core', 'gen'],
  stores: ['core', 'gen'],
  cache: ['core', 'stores', 'gen'],
  flights: ['core', 'gen'],
  thrift: ['core', 'gen'],
  idempotency: ['core', 'cache', 'stores', 'gen'],
  resilience: ['core', 'gen'],
  routing: ['core', 'catalogue', 'gen'],
  access: ['core', 'stores'],
  config: [
    'access',
    'alerts',
    'core',
    'cache',
    'catalogue',
    'idempotency',
    'providers',
    'quotas',
    'resilience',
    'routing',
    'stores',
    'thrift',
    'gen',
  ],
  dialects: ['core', 'wire', 'gen'],
  providers: ['core', 'dialects', 'wire', 'gen'],
  backends: ['core', 'wire', 'dialects', 'providers', 'gen'],
  quotas: ['core', 'stores', 'gen'],
  usage: ['core', 'stores', 'gen'],
  layers: [
    'core',
    'cache',
    'flights',
    'idempotency',
    'stores',
    'quotas',
    'catalogue',
    'resilience',
    'routing',
    'telemetry',
    'thrift',
    'gen',
  ],
  audit: ['core', 'stores'],
  alerts: ['core', 'resilience'],
  settings: ['config', 'core', 'stores'],
  telemetry: ['core', 'gen'],
  events: ['core', 'gen'],
  services: ['core', 'catalogue', 'gen'],
  servers: ['access', 'core', 'services', 'telemetry', 'gen'],
  client: ['gen'],
  'gateway.ts': [
    'core',
    'cache',
    'config',
    'catalogue',
    'backends',
    'idempotency',
    'providers',
    'layers',
    'resilience',
    'quotas',
    'routing',
    'stores',
    'telemetry',
    'thrift',
    'events',
    'gen',
    'upstreams.ts',
  ],
  'upstreams.ts': ['core', 'config', 'backends', 'layers', 'providers'],
  'serving.ts': [
    'alerts',
    'core',
    'cache',
    'config',
    'catalogue',
    'gateway.ts',
    'inventory.ts',
    'resilience',
    'services',
    'stores',
    'telemetry',
    'gen',
  ],
  'inventory.ts': ['core', 'config', 'catalogue'],
  'version.ts': [],
  'greeting.ts': ['config'],
  'snapshots.ts': ['core'],
  'lasting.ts': [
    'audit',
    'alerts',
    'core',
    'cache',
    'config',
    'inventory.ts',
    'resilience',
    'routing',
    'serving.ts',
    'stores',
    'telemetry',
    'usage',
    'gen',
    'version.ts',
  ],
  'administration.ts': [
    'access',
    'cache',
    'core',
    'resilience',
    'serving.ts',
    'services',
    'snapshots.ts',
    'stores',
    'usage',
  ],
  'changeable.ts': ['access', 'audit', 'config', 'core', 'services', 'settings', 'stores'],
  'start.ts': [
    'access',
    'administration.ts',
    'changeable.ts',
    'core',
    'config',
    'lasting.ts',
    'resilience',
    'services',
    'settings',
    'servers',
    'serving.ts',
    'snapshots.ts',
    'stores',
    'telemetry',
    'gen',
    'greeting.ts',
    'version.ts',
  ],
  'reload.ts': ['core', 'config', 'snapshots.ts', 'start.ts', 'telemetry'],
  'keys-command.ts': ['access', 'core', 'config'],
  'main.ts': ['core', 'config', 'keys-command.ts', 'reload.ts', 'telemetry', 'start.ts', 'greeting.ts', 'version.ts'],
  'cli.js': ['main.ts'],
};

/** Folders without any I/O: all they may import from outside. */
const PURE_FOLDERS = [
  'core',
  'wire',
  'catalogue',
  'flights',
  'dialects',
  'providers',
  'resilience',
  'routing',
  'quotas',
  'layers',
];
const PURE_PACKAGES = ['@bufbuild/protobuf', 'node:buffer'];

/** A folder that runs in browsers, and all it may import from outside. */
const BROWSER_FOLDER = 'client';
const BROWSER_PACKAGES = ['@bufbuild/protobuf', '@connectrpc/connect', '@connectrpc/connect-web'];

/** Folders in which no entry may import another. Their interface and what all of them share are no siblings. */
const SIBLING_FOLDERS = ['layers', 'dialects', 'providers'];
const SHARED = /^(?:dialects\/(?:dialect\.ts|grammar\/)|providers\/provider\.ts)/;
/** The list of all entries, which has to know them. */
const LISTS = ['providers/registry.ts'];

const SOCKET_FOLDERS = ['backends', 'stores', 'events', 'servers'];
const SOCKET_PACKAGES =
  /^(?:node:(?:net|tls|http|https|http2|dgram|dns)(?:\/|$)|undici|@grpc\/grpc-js|ioredis|redis|kafkajs)/;
/** The port that Prometheus reads is telemetry's own. */
const SOCKET_FILES = ['telemetry/scrape.ts'];
const SOCKET_GLOBALS = ['fetch', 'WebSocket', 'EventSource'];

const TIME = ['setTimeout', 'setInterval', 'setImmediate', 'Date.now', 'performance.now', 'Math.random'];
const MORE_TIME = ['AbortSignal.timeout', 'process.hrtime', 'process.uptime'];
const TIME_PACKAGES = /^(?:node:)?timers/;

const MAX_FILE_LINES = 400;
const MAX_FUNCTION_LINES = 60;

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

interface Source {
  /** Below `src`. */
  readonly path: string;
  readonly text: string;
  readonly nodes: readonly Node[];
  /** What it imports, as it is written. */
  readonly imports: readonly string[];
}

const root = fileURLToPath(new URL('..', import.meta.url));

function filesBelow(folder: string): string[] {
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(root.length));
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';

function* nodesOf(node: Node): Generator<Node> {
  yield node;
  for (const value of Object.values(node)) {
    for (const inner of Array.isArray(value) ? value : [value]) if (isNode(inner)) yield* nodesOf(inner);
  }
}

const contentOf = (node: unknown): unknown => (isNode(node) ? node.value : undefined);
const nameOf = (node: unknown): unknown => (isNode(node) && node.type === 'Identifier' ? node.name : undefined);

/** Where an import comes from; undefined: the node is none. An import whose place is computed is "?". */
function importedBy({ type, source }: Node): string | undefined {
  if (!/^(?:Import|Export)\w*Declaration$|^ImportExpression$|^TSImportType$/.test(type) || !isNode(source))
    return undefined;
  const place = contentOf(source);
  return typeof place === 'string' ? place : '?';
}

function parse(path: string, text: string): Source {
  const nodes = [...nodesOf(parseAst(text, { lang: 'ts' }) as unknown as Node)];
  const imports = nodes.map(importedBy).filter((place) => place !== undefined);
  return { path, text, nodes, imports };
}

const sources = filesBelow('src').map((path) =>
  parse(path.slice('src/'.length), readFileSync(join(root, path), 'utf8')),
);

const isRelative = (place: string): boolean => place.startsWith('.');
const resolve = (from: string, place: string): string => normalize(join(dirname(from), place));
/** The row of the table that a file belongs to. */
const areaOf = (path: string): string => path.split('/')[0] ?? '';
/** Which dialect, layer or provider a file belongs to: `dialects/x.ts` and all in `dialects/x/` are one. */
const entryOf = (path: string): string => (path.split('/')[1] ?? '').replace(/\.ts$/, '');

const edgeProblems = ({ path, imports }: Source): string[] => {
  const from = areaOf(path);
  const allowed = EDGES[from];
  if (!allowed) return [`${path} is in no known place`];
  return imports.flatMap((place) => {
    if (place === '?') return [`${path} computes an import`];
    if (!isRelative(place) && !place.startsWith('#')) return [];
    const to = place.startsWith('#gen/') ? 'gen' : areaOf(resolve(path, place));
    if (to === from && from in EDGES && path.includes('/')) return [];
    return allowed.includes(to) ? [] : [`${path} imports ${place}`];
  });
};

const siblingProblems = ({ path, imports }: Source): string[] =>
  imports
    .filter((place) => isRelative(place) && SIBLING_FOLDERS.includes(areaOf(path)) && !LISTS.includes(path))
    .map((place) => resolve(path, place))
    .filter((to) => areaOf(to) === areaOf(path) && entryOf(to) !== entryOf(path) && !SHARED.test(to))
    .map((to) => `${path} imports its sibling ${to}`);

const outsideProblems = ({ path, imports, nodes }: Source): string[] => {
  const area = areaOf(path);
  const outside = imports.filter((place) => !isRelative(place) && !place.startsWith('#'));
  const packages = area === BROWSER_FOLDER ? BROWSER_PACKAGES : PURE_FOLDERS.includes(area) ? PURE_PACKAGES : undefined;
  const impure = packages
    ? outside.filter((place) => !packages.some((name) => place === name || place.startsWith(`${name}/`)))
    : [];
  const sockets =
    SOCKET_FOLDERS.includes(area) || SOCKET_FILES.includes(path)
      ? []
      : [...outside.filter((place) => SOCKET_PACKAGES.test(place)), ...globalsUsed(nodes, SOCKET_GLOBALS)];
  return [...impure, ...sockets].map((place) => `${path} uses ${place}`);
};

/** Those of these globals, such as "setTimeout" and "Date.now", that a file calls or hands on. */
function globalsUsed(nodes: readonly Node[], names: readonly string[]): string[] {
  const members = nodes.filter(({ type }) => type === 'MemberExpression');
  const dotted = members.map((node) => `${nameOf(node.object)}.${nameOf(node.property) ?? contentOf(node.property)}`);
  const properties = new Set<unknown>(members.filter(({ computed }) => !computed).map(({ property }) => property));
  const called = nodes
    .filter((node) => ['CallExpression', 'NewExpression'].includes(node.type))
    .map(({ callee }) => callee);
  const passed = nodes.flatMap((node) => (Array.isArray(node.arguments) ? node.arguments : []));
  const plain = [...called, ...passed].filter((node) => !properties.has(node)).map(nameOf);
  const global = dotted
    .filter((name) => name.startsWith('globalThis.'))
    .map((name) => name.slice('globalThis.'.length));
  return names.filter((name) => dotted.includes(name) || plain.includes(name) || global.includes(name));
}

const environmentProblems = ({ path, imports, nodes }: Source): string[] => {
  if (areaOf(path) === 'config') return [];
  const used = [...globalsUsed(nodes, ['process.env']), ...imports.filter((place) => place === 'node:process')];
  return used.map((name) => `${path} uses ${name}`);
};

const timeProblems = ({ path, imports, nodes }: Source): string[] => {
  if (path === 'core/clock.ts') return [];
  const used = [
    ...globalsUsed(nodes, [...TIME, ...MORE_TIME]),
    ...imports.filter((place) => TIME_PACKAGES.test(place)),
  ];
  return used.map((name) => `${path} uses ${name}`);
};

/** The imports that lead back to where they came from, one line for each circle found. */
function cycles(all: readonly Source[]): string[] {
  const next = new Map(
    all.map(({ path, imports }) => [path, imports.filter(isRelative).map((place) => resolve(path, place))]),
  );
  const found: string[] = [];
  const done = new Set<string>();
  const follow = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) found.push([...trail.slice(trail.indexOf(path)), path].join(' > '));
    if (trail.includes(path) || done.has(path)) return;
    for (const to of next.get(path) ?? []) follow(to, [...trail, path]);
    done.add(path);
  };
  for (const path of next.keys()) follow(path, []);
  return found;
}

const linesOf = (text: string): number => text.trimEnd().split('\n').length;

const sizeProblems = ({ path, text, nodes }: Source): string[] => {
  const long = nodes
    .filter(({ type }) => /Function(?:Expression|Declaration)$/.test(type))
    .filter(({ start, end }) => linesOf(text.slice(start, end)) > MAX_FUNCTION_LINES)
    .map(
      ({ start }) => `${path}:${linesOf(text.slice(0, start))} is a function of more than ${MAX_FUNCTION_LINES} lines`,
    );
  return linesOf(text) > MAX_FILE_LINES ? [...long, `${path} has more than ${MAX_FILE_LINES} lines`] : long;
};

const nameProblems = ({ path }: Source): string[] => {
  const parts = path.replace(/\.(?:ts|js)$/, '').split('/');
  const bad = parts.filter((part) => !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(part) || FORBIDDEN_NAMES.test(part));
  return bad.map((part) => `${path}: "${part}" is not a name here`);
};
const FORBIDDEN_NAMES = /^(?:index|utils?|helpers?|common|managers?|base|types?|misc|shared)$/;

/** Things that the language has and this code does without. */
const FORBIDDEN_SYNTAX: Readonly<Record<string, string>> = {
  ExportDefaultDeclaration: 'a default export',
  ExportAllDeclaration: 'a re-export',
  TSEnumDeclaration: 'an enum',
  TSNonNullExpression: 'a non-null assertion',
  TSAnyKeyword: 'any',
};

/** What a package gives to those who import it is in one place. */
const PUBLIC_FILES = ['client/public.ts'];

const syntaxProblems = ({ path, nodes }: Source): string[] =>
  nodes.flatMap(({ type, source }) => {
    const isReExport = type === 'ExportNamedDeclaration' && isNode(source) && !PUBLIC_FILES.includes(path);
    const what = isReExport ? 'a re-export' : FORBIDDEN_SYNTAX[type];
    return what ? [`${path} has ${what}`] : [];
  });

describe('every source file', () => {
  it.each([
    ['imports along the edges of the table only', edgeProblems],
    ['imports no sibling', siblingProblems],
    ['is free of input and output, or at least of sockets, where it should be', outsideProblems],
    ['leaves the environment to config', environmentProblems],
    ['takes time and chance from the clock', timeProblems],
    ['is of a size that can be read', sizeProblems],
    ['has a name that says something', nameProblems],
    ['does without what this code does without', syntaxProblems],
  ])('%s', (_, problemsOf) => {
    expect(sources.flatMap(problemsOf)).toEqual([]);
  });

  it.each<[string, (source: Source) => string[], string, string]>([
    ['an import along no edge', edgeProblems, 'core/a.ts', "import { b } from '../wire/b.ts';"],
    ['a type from along no edge', edgeProblems, 'core/a.ts', "type A = import('../wire/b.ts').B;"],
    ['a late import along no edge', edgeProblems, 'main.ts', "await import('./layers/route.ts');"],
    ['an import that is computed', edgeProblems, 'servers/a.ts', 'await import(name);'],
    ['generated code where none is spoken', edgeProblems, 'greeting.ts', "import '#gen/a_pb.js';"],
    ['a folder that is not in the table', edgeProblems, 'nowhere/a.ts', ''],
    ['a sibling', siblingProblems, 'layers/a.ts', "import { b } from './b.ts';"],
    ['what is in a sibling’s folder', siblingProblems, 'dialects/a/x.ts', "import { y } from '../b/y.ts';"],
    ['files in a pure folder', outsideProblems, 'dialects/a.ts', "import 'node:fs';"],
    ['what browsers have not', outsideProblems, 'client/a.ts', "import { Buffer } from 'node:buffer';"],
    ['a socket', outsideProblems, 'services/a.ts', "import type { Pool } from 'undici';"],
    ['a request', outsideProblems, 'telemetry/a.ts', 'await fetch(url);'],
    ['the environment', environmentProblems, 'main.ts', "const a = process['env'].HOME;"],
    ['the environment by import', environmentProblems, 'main.ts', "import { env } from 'node:process';"],
    ['a timer', timeProblems, 'layers/a.ts', 'setTimeout(task, 5);'],
    ['a timer handed on', timeProblems, 'layers/a.ts', 'promisify(globalThis.setTimeout);'],
    ['a timer by import', timeProblems, 'layers/a.ts', "import { setTimeout } from 'node:timers/promises';"],
    ['the date', timeProblems, 'layers/a.ts', 'const a = Date.now();'],
    ['chance', timeProblems, 'layers/a.ts', 'const a = Math.random();'],
    ['too many lines', sizeProblems, 'core/a.ts', 'a();\n'.repeat(401)],
    ['too long a function', sizeProblems, 'core/a.ts', `const f = () => {${'a();\n'.repeat(61)}}`],
    ['too long a method', sizeProblems, 'core/a.ts', `class A { f() {${'a();\n'.repeat(61)}} }`],
    ['a name that says nothing', nameProblems, 'core/helpers.ts', ''],
    ['a name in camel case', nameProblems, 'core/twoWords.ts', ''],
    ['a default export', syntaxProblems, 'core/a.ts', 'export default 1;'],
    ['a barrel', syntaxProblems, 'core/a.ts', "export { b } from './b.ts';"],
    ['a whole barrel', syntaxProblems, 'core/a.ts', "export * from './b.ts';"],
    ['an enum', syntaxProblems, 'core/a.ts', 'enum A { B }'],
  ])('would be found out: %s', (_, problemsOf, path, text) => {
    expect(problemsOf(parse(path, text))).toHaveLength(1);
  });

  it.each<[string, (source: Source) => string[], string, string]>([
    ['its own folder', edgeProblems, 'core/a.ts', "import { b } from './b.ts';"],
    ['its own dialect', siblingProblems, 'dialects/a.ts', "import { x } from './a/x.ts';"],
    ['the interface of its kind', siblingProblems, 'dialects/a/x.ts', "import type { B } from '../dialect.ts';"],
    ['a list of what its package gives', syntaxProblems, 'client/public.ts', "export { a } from './a.ts';"],
    ['a method of the name of a global', timeProblems, 'layers/a.ts', 'alarm.setTimeout(5);'],
  ])('may use %s', (_, problemsOf, path, text) => {
    expect(problemsOf(parse(path, text))).toEqual([]);
  });

  it('is found', () => {
    expect(sources.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['cli.js', 'core/call.ts', 'layers/route.ts']),
    );
  });

  it('is in no circle of imports', () => {
    expect(cycles(sources)).toEqual([]);
    const circle = [parse('a.ts', "import './b.ts';"), parse('b.ts', "import type { A } from './a.ts';")];
    expect(cycles(circle)).toEqual(['a.ts > b.ts > a.ts']);
  });

  it.each([
    ['layers', 'store'],
    ['config', 'settings'],
    ['serving.ts', 'store'],
  ])('imports of stores from %s only %s.ts', (area, name) => {
    const places = sources.filter(({ path }) => areaOf(path) === area).flatMap(({ imports }) => imports);
    const stores = places.filter((place) => /\/stores\//.test(place));
    expect(stores.filter((place) => !place.endsWith(`/stores/${name}.ts`))).toEqual([]);
  });
});

/** Words that say that something is not finished, or where and by whom it was written. Written so as not to match. */
const RESERVED = [
  /\bTO[D]O\b/,
  /\bFIX[M]E\b/,
  /\bXX[X]\b/,
  /(?<![\w.-])\/wor[k]\//,
  /(?<![\w.-])\/(?:home|Users)\/[a-z]/,
  /\bco-authored-b[y]\b/i,
  /\b(?:written|generated) (?:by|with) (?:an? )?(?:AI|LLM|assistant)\b/,
];

const written = ['src', 'test', 'docs', 'proto', 'bench', 'scripts', 'deploy', 'examples']
  .filter((folder) => readdirSync(root).includes(folder))
  .flatMap(filesBelow)
  .concat(readdirSync(root).filter((name) => /\.(?:md|json|ya?ml|ts)$/.test(name) && name !== 'package-lock.json'))
  .filter(
    (path) =>
      /\.(?:ts|js|md|proto|json|ya?ml|txt|html)$/.test(path) &&
      !/(?:^|\/)(?:fixtures|out|node_modules|\.venv)\//.test(path),
  );

describe('every written file', () => {
  it.each(RESERVED)('says nothing like %s', (pattern) => {
    expect(written.filter((path) => pattern.test(readFileSync(join(root, path), 'utf8')))).toEqual([]);
  });

  it.each([
    ['TO', 'DO'],
    ['FIX', 'ME: later'],
    ['see /wor', 'k/main'],
    ['Co-Authored-B', 'y: someone'],
  ])('would be found out: %s%s', (...halves) => {
    expect(RESERVED.some((pattern) => pattern.test(halves.join('')))).toBe(true);
  });

  it('is found', () => {
    expect(written).toEqual(expect.arrayContaining(['package.json', 'test/architecture.test.ts', 'src/main.ts']));
  });
});
