import { createHash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { type CompleteRequest, CompleteRequestSchema } from '#gen/antiphon/v1/completion_pb.js';
import { estimatedTokens, messageCharacters, requestCharacters } from '../core/usage.ts';
import { isInstruction } from './cuts.ts';
import { messageText } from './message-text.ts';

/** The beginning of a prompt: its tools, and its messages up to and including one. */
export interface Prefix {
  /** The last message of it. */
  readonly at: number;
  /** By estimate. */
  readonly tokens: number;
  /** Tells it from others: of SHA-256, 43 characters. */
  readonly digest: string;
  readonly isInstructions: boolean;
}

/** Of a long conversation, only as many of the last prefixes are looked at: as far back as providers look, too. */
const MOST_MESSAGES = 20;

/** What is longer is not looked at to its end: half a million tokens of text. */
const MOST_CHARACTERS = 2_000_000;

/**
 * The beginnings of a prompt, shortest first: its instructions at the beginning, if there are any, and what ends with one
 * of the last messages. Two have the same digest only if they are the same for the same `owner`.
 */
export function prefixesOf(request: CompleteRequest, owner: string): Prefix[] {
  const { messages } = request;
  const hash = createHash('sha256').update(`${owner}\n`).update(head(request));
  const spoken = messages.findIndex((message) => !isInstruction(message));
  const lastInstruction = (spoken === -1 ? messages.length : spoken) - 1;
  const prefixes: Prefix[] = [];
  let characters = requestCharacters({ tools: request.tools, messages: [] });
  let length = 0;
  for (const [at, message] of messages.entries()) {
    const text = messageText(message);
    length += text.length;
    if (length > MOST_CHARACTERS) break;
    // The lengths keep messages apart.
    hash.update(`${text.length}\n${text}`);
    characters += messageCharacters(message);
    const isInstructions = at === lastInstruction;
    if (isInstructions || at >= messages.length - MOST_MESSAGES)
      prefixes.push({
        at,
        tokens: estimatedTokens(characters),
        digest: hash.copy().digest('base64url'),
        isInstructions,
      });
  }
  return prefixes;
}

/** What stands before the messages in a prompt, or changes what is made of them. */
function head({ tools, toolChoice, responseFormat, reasoning }: CompleteRequest): Uint8Array {
  const part = create(CompleteRequestSchema, {
    tools,
    ...(toolChoice ? { toolChoice } : {}),
    ...(responseFormat ? { responseFormat } : {}),
    ...(reasoning ? { reasoning } : {}),
  });
  return toBinary(CompleteRequestSchema, part, { writeUnknownFields: false });
}
