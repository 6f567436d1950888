import type { AddressInfo, ListenOptions, Server } from 'node:net';

/**
 * Listens on a free port of this machine and says so on stdout, as the gateway does: one line of JSON with the message
 * `listening` and `http`, the address as host:port.
 *
 * The process ends when its parent goes away or says so.
 */
export function listening(server: Server, options: ListenOptions = {}): void {
  server.listen({ host: '127.0.0.1', port: 0, backlog: 2048, ...options }, () => {
    const { address, port } = server.address() as AddressInfo;
    console.log(JSON.stringify({ msg: 'listening', http: `${address}:${port}` }));
  });
  endWithParent();
}

/** Ends the process when its parent goes away or says so, in a way that lets a profile be written. */
export function endWithParent(): void {
  process.on('disconnect', () => process.exit(0));
  process.on('SIGTERM', () => process.exit(0));
}
