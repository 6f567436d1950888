/** How a wire format says that an answer is whole, written from the providers' documents, not from the decoders. */
export interface Protocol {
  readonly framing: 'sse' | 'ndjson';
  /** Whether this says how the answer ends. */
  isEnd(data: unknown, event: string): boolean;
  /** Whether nothing comes after this, so that the bytes need not end. */
  isLast(data: unknown, event: string): boolean;
}

type Json = Readonly<Record<string, unknown>>;

const object = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});
const first = (value: unknown): Json => object(Array.isArray(value) ? value[0] : undefined);
const isWord = (value: unknown): boolean => typeof value === 'string' && value !== '';

const messageStop = (data: unknown): boolean => object(data).type === 'message_stop';
const responseEnds = ['response.completed', 'response.incomplete'];
const responseEnd = (data: unknown): boolean => responseEnds.includes(String(object(data).type));
const PARTIAL = 'ALTERNATIVE_STATUS_PARTIAL';

function finalStatus(data: unknown): boolean {
  const line = object(data);
  const { status } = first((line.result ? object(line.result) : line).alternatives);
  return isWord(status) && status !== PARTIAL;
}

/**
 * Sources (2026-11-21): platform.openai.com/docs/api-reference/chat-streaming and /responses-streaming,
 * docs.claude.com/en/api/messages-streaming, ai.google.dev/api/generate-content (Candidate.finishReason),
 * yandex.cloud/en/docs/foundation-models/text-generation/api-ref/TextGeneration/completion (Alternative.status).
 */
export const protocols = {
  chat: {
    framing: 'sse',
    isEnd: (data) => isWord(first(object(data).choices).finish_reason),
    isLast: (data) => data === '[DONE]',
  },
  responses: { framing: 'sse', isEnd: responseEnd, isLast: responseEnd },
  messages: { framing: 'sse', isEnd: messageStop, isLast: messageStop },
  generate: {
    framing: 'sse',
    isEnd: (data) =>
      isWord(first(object(data).candidates).finishReason) || isWord(object(object(data).promptFeedback).blockReason),
    isLast: () => false,
  },
  foundation: { framing: 'ndjson', isEnd: finalStatus, isLast: finalStatus },
} as const satisfies Record<string, Protocol>;

/** How many bytes of an answer there must be for these marks to be among them. Infinity: it does not have them. */
export interface Marks {
  /** With fewer bytes, it is not whole. */
  readonly end: number;
  /** With that many, it is whole even if the connection breaks. */
  readonly last: number;
}

/** Where the marks of an answer are. The first of each counts. */
export function marksOf(bytes: Uint8Array, protocol: Protocol): Marks {
  const marks = { end: Number.POSITIVE_INFINITY, last: Number.POSITIVE_INFINITY };
  for (const { upTo, closedBy, event, data } of protocol.framing === 'sse' ? events(bytes) : lines(bytes)) {
    if (protocol.isEnd(data, event)) marks.end = Math.min(marks.end, upTo);
    if (protocol.isLast(data, event)) marks.last = Math.min(marks.last, closedBy);
  }
  return marks;
}

interface Piece {
  /** The first so many bytes hold it. */
  readonly upTo: number;
  /** With so many, nothing can be added to it. */
  readonly closedBy: number;
  readonly event: string;
  /** Parsed if it is JSON. */
  readonly data: unknown;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Each byte as one character, so that places in the text are places in the bytes. */
const asLatin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const asUtf8 = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8');

/** Server-sent events, by the line that ends each: it is over with the first character of the end of its blank line. */
function* events(bytes: Uint8Array): Generator<Piece> {
  let event = '';
  let data: string[] = [];
  for (const line of asLatin1(bytes).matchAll(/([^\r\n]*)(\r\n|\r|\n)/g)) {
    const [, text = ''] = line;
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(text) ?? [];
    if (text === '') {
      const upTo = line.index + 1;
      if (data.length > 0) yield { upTo, closedBy: upTo, event, data: parsed(asUtf8(data.join('\n'))) };
      event = '';
      data = [];
    } else if (field === 'data') data.push(value);
    else if (field === 'event') event = value;
  }
}

/** One JSON value per line: it is there with its last character, and over with the end of the line. */
function* lines(bytes: Uint8Array): Generator<Piece> {
  for (const line of asLatin1(bytes).matchAll(/[^\n]+/g)) {
    const upTo = line.index + line[0].trimEnd().length;
    yield { upTo, closedBy: line.index + line[0].length + 1, event: '', data: parsed(asUtf8(line[0])) };
  }
}
