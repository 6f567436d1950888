import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { onTestFinished, type TestContext } from 'vitest';
import { needs, output, run } from './commands.ts';

/** The last of those that are one program without a configuration file. It is the same source as Jaeger 2.13. */
const MODULE = 'github.com/jaegertracing/jaeger@v1.76.0';

export interface Jaeger {
  /** The base address of its OTLP/HTTP receiver. */
  readonly otlp: string;
  /** The traces of a service, as soon as there are so many spans in all of them together. */
  search(service: string, tags: Readonly<Record<string, string>>, spans: number): Promise<readonly JaegerTrace[]>;
}

export interface JaegerTrace {
  readonly traceId: string;
  readonly spans: readonly JaegerSpan[];
}

export interface JaegerSpan {
  readonly spanId: string;
  /** Undefined: it has none, or none that is in the trace. */
  readonly parentId: string | undefined;
  readonly name: string;
  readonly service: string;
  readonly tags: Readonly<Record<string, unknown>>;
}

/** A Jaeger that is ended when the test is over. Skips the test where it cannot be had. */
export async function startJaeger(context: TestContext): Promise<Jaeger> {
  const program = process.env.JAEGER_ALL_IN_ONE ?? (await built(context));
  const [otlp, query, admin] = await Promise.all([freePort(), freePort(), freePort()]);
  const at = (port: number | undefined) => `127.0.0.1:${port}`;
  const child = spawn(
    program,
    [
      `--collector.otlp.http.host-port=${at(otlp)}`,
      `--query.http-server.host-port=${at(query)}`,
      `--admin.http.host-port=${at(admin)}`,
      ...['collector.otlp.grpc', 'collector.grpc-server', 'collector.http-server', 'query.grpc-server'].map(
        (name) => `--${name}.host-port=127.0.0.1:0`,
      ),
      '--log-level=error',
    ],
    // It would trace itself, and at its end wait for a collector of its own.
    { stdio: ['ignore', 'ignore', 'pipe'], env: { SPAN_STORAGE_TYPE: 'memory', OTEL_TRACES_SAMPLER: 'always_off' } },
  );
  const ended = once(child, 'close');
  const said = text(child.stderr);
  onTestFinished(async () => {
    child.kill();
    await ended;
  });
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`Jaeger ended with ${child.exitCode}:\n${await said}`);
    return (await fetch(`http://${at(admin)}/`).catch(() => undefined))?.ok === true;
  });
  return {
    otlp: `http://${at(otlp)}`,
    async search(service, tags, spans) {
      const asked = new URLSearchParams({ service, tags: JSON.stringify(tags), limit: '100' });
      let traces: readonly JaegerTrace[] = [];
      await until(async () => {
        const response = await fetch(`http://${at(query)}/api/traces?${asked}`);
        const { data } = (await response.json()) as { readonly data: readonly WireTrace[] | null };
        traces = (data ?? []).map(traceFrom);
        return traces.flatMap((trace) => trace.spans).length >= spans;
      });
      return traces;
    },
  };
}

/**
 * The program, built with the versions that its own module names: `go install` refuses a module that replaces some. That
 * takes a quarter of an hour, so it is kept in the folder for temporary files.
 */
async function built(context: TestContext): Promise<string> {
  needs(context, 'go');
  const program = join(tmpdir(), `antiphon-${MODULE.replaceAll(/\W+/g, '-')}`);
  if (existsSync(program)) return program;
  const { code, stdout } = await run('go', ['mod', 'download', '-json', MODULE], { cwd: tmpdir() });
  if (code !== 0) {
    process.stdout.write(`skipped: ${MODULE} cannot be downloaded\n`);
    context.skip(`${MODULE} cannot be downloaded`);
  }
  const flags = ['-buildvcs=false', '-trimpath', '-ldflags=-s -w', '-o', program];
  await output('go', ['build', ...flags, './cmd/all-in-one'], {
    cwd: JSON.parse(stdout).Dir,
    env: { GOFLAGS: '-p=1' },
  });
  return program;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Looks again and again. Nothing else ends it than the test's own time. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await pause(100);
}

interface WireTrace {
  readonly traceID: string;
  readonly spans: readonly {
    readonly spanID: string;
    readonly operationName: string;
    readonly processID: string;
    readonly references: readonly { readonly refType: string; readonly spanID: string }[];
    readonly tags: readonly { readonly key: string; readonly value: unknown }[];
  }[];
  readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
}

const traceFrom = ({ traceID, spans, processes }: WireTrace): JaegerTrace => ({
  traceId: traceID,
  spans: spans.map(({ spanID, operationName, processID, references, tags }) => ({
    spanId: spanID,
    parentId: references.find(({ refType }) => refType === 'CHILD_OF')?.spanID,
    name: operationName,
    service: processes[processID]?.serviceName ?? '',
    tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
  })),
});
