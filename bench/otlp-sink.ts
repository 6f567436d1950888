// A process of its own: takes whatever an OTLP exporter posts, and forgets it.
import { createServer } from 'node:http';
import { listening } from './listening.ts';

listening(
  createServer((request, response) => {
    request.resume().on('end', () => response.setHeader('content-type', 'application/json').end('{}'));
  }),
);
