// Asks a live provider, and keeps its answer as a case of test/fixtures: body.json and stream.txt with the reply.json
// that our own decoder makes of them, or failure.json. Keys, ids of accounts and requests, and mail addresses are taken
// out; nothing is written that still holds a key.
//
//   npm run record -- <kind> <case> [--request file.json] [--stream | --unary] [--out folder]
//
// The request is <kind>/<case>/request.json in the folder of --out, else in test/fixtures; or the file of --request. The key
// is taken from the variable that switches the provider on, such as OPENAI_API_KEY; <KIND>_BASE_URL moves the address.
// --stream, --unary: only this way of asking; without one of them, both. --out: instead of test/fixtures.
//
// Ends with 1 if nothing was written, and with 2 if it was called wrongly.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fromJson } from '@bufbuild/protobuf';
import { CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import { variablesOfKinds } from '../src/config/kinds.ts';
import { GatewayError } from '../src/core/errors.ts';
import type { ProviderSettings } from '../src/providers/provider.ts';
import { providerKinds } from '../src/providers/registry.ts';
import { ask, type Question } from './record-exchange.ts';
import { type CaseFiles, filesOf, foldersOf } from './record-files.ts';
import { FOLDER, holdsSecret, scrubber } from './record-scrub.ts';

const FIXTURES = join(import.meta.dirname, '../test/fixtures');

/** A mistake of the caller, who is told what to do. */
class Misused extends Error {}

interface Order {
  readonly kind: string;
  readonly name: string;
  readonly requestFile: string;
  readonly folder: string;
  readonly ways: readonly ('unary' | 'stream')[];
}

function readOrder(): Order {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      request: { type: 'string' },
      stream: { type: 'boolean', default: false },
      unary: { type: 'boolean', default: false },
      out: { type: 'string', default: FIXTURES },
    },
  });
  const [kind, name, ...more] = positionals;
  if (kind === undefined || name === undefined || more.length > 0)
    throw new Misused('Say which kind of provider and which case: npm run record -- openai text');
  if (!providerKinds.has(kind))
    throw new Misused(`There is no kind "${kind}". Choose one of: ${[...providerKinds.keys()].join(', ')}`);
  if (!/^[a-z0-9-]+$/.test(name)) throw new Misused('A case is named in small letters, digits and "-".');
  const folder = join(values.out, kind);
  const own = [folder, join(FIXTURES, kind)].map((root) => join(root, name, 'request.json'));
  const requestFile = values.request ?? own.find((file) => existsSync(file)) ?? join(folder, name, 'request.json');
  if (!existsSync(requestFile)) throw new Misused(`There is no request at ${requestFile}. Name one with --request.`);
  const ways =
    values.stream === values.unary ? (['unary', 'stream'] as const) : ([values.stream ? 'stream' : 'unary'] as const);
  return { kind, name, requestFile, folder, ways };
}

/** The values of the first variable that is set, of those for the key, and of those for the address and the folder. */
function environmentOf(kind: string) {
  const {
    keys = [],
    baseUrl = 'LLM_BASE_URL',
    folderId = '',
  } = variablesOfKinds.find((one) => one.kind === kind) ?? {
    keys: ['LLM_API_KEY'],
  };
  const key = keys.map((name) => process.env[name]).find(Boolean);
  if (key === undefined && providerKinds.get(kind)?.needsKey) throw new Misused(`Set ${keys.join(' or ')}.`);
  return { key, baseUrl: process.env[baseUrl], folderId: process.env[folderId] };
}

type Environment = ReturnType<typeof environmentOf>;

function questionOf({ kind, name, requestFile, folder }: Order, { key, baseUrl, folderId }: Environment): Question {
  const made = providerKinds.get(kind);
  const address = baseUrl ?? made?.baseUrl;
  if (!made || address === undefined) throw new Misused(`Set the address of ${kind}, as <KIND>_BASE_URL.`);
  if (!URL.canParse(address))
    throw new Misused(`The address of ${kind} is none. Write it as https://api.example.com/v1.`);
  const file = join(folder, name, 'settings.json');
  const stated: Partial<ProviderSettings> = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const as = (folder: string | undefined) => {
    const settings = { name: kind, baseUrl: new URL(address), headers: {}, ...(folder ? { folderId: folder } : {}) };
    return made.create({ ...settings, ...stated });
  };
  const request = fromJson(CompleteRequestSchema, JSON.parse(readFileSync(requestFile, 'utf8')));
  const { model } = request;
  const provider = as(folderId);
  const dialect = provider.dialect(request, model);
  const heardBy = as(folderId && FOLDER).dialect(request, model);
  return { provider, dialect, heardBy, target: { provider: kind, model }, request, key };
}

type Folders = Record<string, CaseFiles>;

async function record(order: Order): Promise<void> {
  const environment = environmentOf(order.kind);
  const { key, folderId } = environment;
  const question = questionOf(order, environment);
  const kept = async (way: 'unary' | 'stream'): Promise<CaseFiles | undefined> => {
    if (!order.ways.includes(way)) return undefined;
    const answer = await ask(question, way === 'stream');
    // A fresh scrubber, so that the placeholders in both answers are the same.
    return filesOf(question, answer, way, scrubber(key === undefined ? [] : [key], folderId));
  };
  const folders: Folders = foldersOf(order.name, await kept('unary'), await kept('stream'));
  const asked = readFileSync(order.requestFile, 'utf8');
  folders[order.name] = { 'request.json': asked, ...folders[order.name] };
  const secrets = [key, folderId === FOLDER ? undefined : folderId];
  write(
    order.folder,
    folders,
    secrets.filter((one) => one !== undefined),
  );
}

/** All files or none. */
function write(root: string, folders: Folders, secrets: readonly string[]): void {
  const files = Object.entries(folders).flatMap(([folder, texts]) =>
    Object.entries(texts).map(([file, text]) => ({ folder: join(root, folder), file, text })),
  );
  const bad = files.filter(({ text }) => holdsSecret(text, secrets));
  if (bad.length > 0)
    throw new Misused(
      `Nothing was written: ${bad.map(({ file }) => file).join(', ')} would hold a key. Look at the request, and at what the provider echoes.`,
    );
  for (const { folder, file, text } of files) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, file), text);
    process.stdout.write(`wrote ${join(folder, file)}\n`);
  }
  if (files.some(({ file }) => file === 'failure.json'))
    process.stdout.write('The provider did not give a whole answer: it is kept as a failure.\n');
}

/** What went wrong below a failed request: its own message says only that it failed, and the cause's has the address. */
function reason({ message, cause }: Error): string {
  if (!(cause instanceof Error)) return message;
  return `The provider could not be reached${'code' in cause ? `: ${String(cause.code)}` : ''}.`;
}

try {
  await record(readOrder());
} catch (error) {
  const isMisused = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  if (error instanceof GatewayError) process.stderr.write(`${error.kind}: ${error.message}\n`);
  else process.stderr.write(`${error instanceof Error ? reason(error) : 'It failed.'}\n`);
  process.exitCode = isMisused || error instanceof Misused ? 2 : 1;
}
