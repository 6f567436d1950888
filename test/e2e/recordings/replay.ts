import { once } from 'node:events';
import { createServer } from 'node:http';
import { type Exchange, responseChunks } from '../../support/recordings.ts';

/** Answers whatever is asked with the recording of the moment, in the pieces in which it came. */
export interface Replay {
  /** "http://127.0.0.1:port/v1" */
  readonly url: string;
  show(exchange: Exchange): void;
  /** The paths asked for since the last `show`, without a query. */
  readonly paths: readonly string[];
  close(): void;
}

export async function startReplay(): Promise<Replay> {
  let shown: Exchange | undefined;
  let paths: string[] = [];
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      paths.push((request.url ?? '').replace(/\?.*$/, ''));
      if (!shown) return response.writeHead(500).end();
      const { status, headers } = shown.response;
      const type = headers['content-type'] ?? (shown.mode === 'stream' ? 'text/event-stream' : 'application/json');
      response.writeHead(status, { ...headers, 'content-type': type });
      for (const chunk of responseChunks(shown)) response.write(chunk);
      return response.end();
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const bound = server.address();
  return {
    url: `http://127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}/v1`,
    show(exchange) {
      shown = exchange;
      paths = [];
    },
    get paths() {
      return paths;
    },
    close: () => server.close(),
  };
}
