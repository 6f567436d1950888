import { fallbackProblems } from './fallback.ts';
import type { Problem } from './problem.ts';
import type { FileConfig } from './schema.ts';
import { storeProblems } from './store.ts';
import { timeoutsOf, uselessLimits } from './timeouts.ts';

/** Settings of one part that are possible alone and not together. The path of each begins with the part. */
export const conflicts = (config: FileConfig): readonly Problem[] => [
  ...portProblems(config),
  ...timeoutProblems(config),
  ...notMore('limits', ['max_event_bytes', 'max_response_bytes'], config.limits),
  ...notMore('media', ['max_bytes', 'max_held_bytes'], config.media),
  ...notMore('retry', ['base_ms', 'max_ms'], config.retry),
  ...notMore('breaker', ['open_ms', 'max_open_ms'], config.breaker),
  ...notMore('shedding.delay_ms', ['low', 'normal', 'high'], config.shedding.delay_ms),
  ...notMore('shedding.memory', ['low', 'normal', 'high', 'critical'], config.shedding.memory),
  ...fallbackProblems(config),
  ...storeProblems(config),
];

function portProblems({ server }: FileConfig): Problem[] {
  const ports = ['grpc_port', 'http_port', 'metrics_port'] as const;
  const taken = ports.filter((port, i) => ports.slice(0, i).some((other) => server[port] === server[other]));
  return taken
    .filter((port) => server[port] !== 0)
    .map((port) => ({ path: `server.${port}`, problem: 'is the port of another door', fix: 'Choose another, or 0.' }));
}

const timeoutProblems = ({ timeouts }: FileConfig): Problem[] =>
  uselessLimits(timeouts, timeoutsOf(timeouts).streamTotalMs).map((name) =>
    moreThan('timeouts', name, 'stream_total_ms'),
  );

/** A problem for each setting of a part that is more than the next one. */
function notMore<Name extends string>(
  part: string,
  names: readonly Name[],
  settings: Readonly<Record<Name, number>>,
): Problem[] {
  return names.flatMap((name, i) => {
    const next = names[i + 1];
    return next !== undefined && settings[name] > settings[next] ? [moreThan(part, name, next)] : [];
  });
}

export const moreThan = (part: string, name: string, other: string): Problem => ({
  path: `${part}.${name}`,
  problem: `is more than ${other}`,
  fix: 'Lower it, or raise the other.',
});
