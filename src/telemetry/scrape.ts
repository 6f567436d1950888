import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { PrometheusExporter } from '@opentelemetry/exporter-prometheus';

/** Scrapers are few; more connections are a mistake or an attack. */
const MAX_CONNECTIONS = 64;

export interface ScrapeServer {
  /** Host and port as bound, such as "127.0.0.1:9464" or "[::1]:9464". */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * Serves `GET /metrics`. The exporter's own server is not used: it takes port 0 for its default port, and does not tell
 * which port it got. Rejects if the port cannot be had.
 */
export async function serveMetrics(exporter: PrometheusExporter, host: string, port: number): Promise<ScrapeServer> {
  const server = createServer((request, response) => {
    const [path] = (request.url ?? '').split('?');
    if (path !== '/metrics') response.writeHead(404).end();
    else if (request.method !== 'GET') response.writeHead(405, { allow: 'GET' }).end();
    else exporter.getMetricsRequestHandler(request, response);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.listen({ host, port });
  await once(server, 'listening');
  return {
    address: boundAddress(server),
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function boundAddress(server: Server): string {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the metrics server has no port');
  return bound.family === 'IPv6' ? `[${bound.address}]:${bound.port}` : `${bound.address}:${bound.port}`;
}
