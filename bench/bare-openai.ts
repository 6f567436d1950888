// A process of its own: the floor for the door of OpenAI's format. node:http and undici, and nothing between them.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import { BarePools } from './bare-pools.ts';
import { listening } from './listening.ts';

const pools = new BarePools(process.argv.slice(2));

/** Passes on what comes, as it comes. */
class Passing implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse;
  #controller: Dispatcher.DispatchController | undefined;

  constructor(response: ServerResponse) {
    this.#response = response;
    response.on('close', () => {
      if (!response.writableFinished) this.#controller?.abort(new Error('cancelled'));
    });
    response.on('drain', () => this.#controller?.resume());
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#response.destroyed) controller.abort(new Error('cancelled'));
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Record<string, string>): void {
    this.#response.writeHead(status, { 'content-type': headers['content-type'] ?? 'application/json' });
  }

  onResponseData(controller: Dispatcher.DispatchController, bytes: Buffer): void {
    if (!this.#response.write(bytes)) controller.pause();
  }

  onResponseEnd(): void {
    this.#response.end();
  }

  onResponseError(): void {
    this.#response.destroy();
  }
}

function forward(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = JSON.parse(Buffer.concat(chunks).toString());
    pools.dispatch(body.model, (model) => JSON.stringify({ ...body, model }), new Passing(response));
  });
}

listening(createServer(forward));
