import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

/** What arrives at the doors of the gateways in this process. */
export interface Doors {
  /** Calls of any method whose first bytes have come. */
  readonly arrived: number;
  close(): void;
}

/**
 * Counts calls from now on. Until it is closed, no socket of the process holds small writes back: a proxy would, so that
 * a caller's connection could end before its call has gone out.
 */
export function watchDoors(): Doors {
  let arrived = 0;
  const count = () => void arrived++;
  const hurry = (message: unknown) => void (message as { socket: Socket }).socket.setNoDelay();
  const listeners = {
    'http2.server.stream.start': count,
    'http.server.request.start': count,
    'net.client.socket': hurry,
    'net.server.socket': hurry,
  };
  for (const [channel, listener] of Object.entries(listeners)) subscribe(channel, listener);
  return {
    get arrived() {
      return arrived;
    },
    close() {
      for (const [channel, listener] of Object.entries(listeners)) unsubscribe(channel, listener);
    },
  };
}
