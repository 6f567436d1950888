import type { AddressInfo, ListenOptions, Server } from 'node:net';

/**
 * Listens on a free port of this machine and says so on stdout, as the gateway does: one line of JSON with the message
 * `listening` and `http`, the address as host:port.
 *
 * The process ends when its parent goes away.
 */
export function listening(server: Server, options: ListenOptions = {}): void {
  server.listen({ host: '127.0.0.1', port: 0, backlog: 2048, ...options }, () => {
    const { address, port } = server.address() as AddressInfo;
    console.log(JSON.stringify({ msg: 'listening', http: `${address}:${port}` }));
  });
  endWithParent();
}

export function endWithParent(): void {
  process.on('disconnect', () => process.exit(0));
}
