import { ndjsonParser } from './ndjson.ts';
import { type SseOptions, type SseParser, sseParser } from './sse.ts';

/** How a stream is cut into frames: server-sent events, or one JSON value per line. */
export type Framing = 'sse' | 'ndjson';

/** Takes bytes cut anywhere and gives frames. Errors: `upstream_too_large`, after which it must not be used again. */
export type FrameParser = SseParser;

export const frameParser = (framing: Framing, options: SseOptions): FrameParser =>
  framing === 'sse' ? sseParser(options) : ndjsonParser(options);
