import type { Server, Socket } from 'node:net';

/** Where to listen, and what to change if that is not possible. */
export interface ListenPlace {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** The variable that sets the port. */
  readonly variable: string;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A server that listens. */
export interface Listening {
  /** As it was bound. */
  readonly address: Address;
  /** Takes no new connection; resolves when the last one has ended. */
  close(): Promise<void>;
  /** Ends every connection at once. */
  destroyAll(): void;
}

/** Errors: one that names the port, the variable and the remedy. */
export async function listen(server: Server, place: ListenPlace): Promise<Listening> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await bind(server, place);
  return {
    address: boundAddress(server, place),
    close: () => new Promise((resolve) => server.close(() => resolve())),
    destroyAll() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

function bind(server: Server, place: ListenPlace): Promise<void> {
  const { host, port } = place;
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException) => reject(new Error(explain(error, place), { cause: error }));
    server.once('error', refuse);
    server.listen({ host, port }, () => {
      server.off('error', refuse);
      resolve();
    });
  });
}

function boundAddress(server: Server, { host, port }: ListenPlace): Address {
  const bound = server.address();
  return typeof bound === 'object' && bound ? { host: bound.address, port: bound.port } : { host, port };
}

function explain({ code }: NodeJS.ErrnoException, { host, port, variable }: ListenPlace): string {
  const where = `${host}:${port}`;
  if (code === 'EADDRINUSE') {
    return `${where} is already in use. Stop what listens there, or set ${variable} to another port (0 takes a free one).`;
  }
  if (code === 'EACCES') {
    return `Listening on ${where} is not permitted. Set ${variable} to a port from 1024 on.`;
  }
  return `Listening on ${where} failed (${code ?? 'unknown'}). Check ANTIPHON_HOST and ${variable}.`;
}
