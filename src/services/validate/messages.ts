import type { Duration } from '@bufbuild/protobuf/wkt';
import {
  type Media,
  type Message,
  type Part,
  type PromptCacheHint,
  Role,
  type ToolResult,
} from '#gen/antiphon/v1/completion_pb.js';
import { type Violations, withinBytes } from './violations.ts';

type PartCase = NonNullable<Part['part']['case']>;

const names: Record<PartCase, string> = {
  text: 'text',
  image: 'image',
  audio: 'audio',
  document: 'document',
  toolCall: 'tool_call',
  toolResult: 'tool_result',
  reasoning: 'reasoning',
  refusal: 'refusal',
};

const allowedParts: Record<number, readonly PartCase[]> = {
  [Role.SYSTEM]: ['text'],
  [Role.DEVELOPER]: ['text'],
  [Role.USER]: ['text', 'image', 'audio', 'document'],
  [Role.ASSISTANT]: ['text', 'toolCall', 'reasoning', 'refusal'],
  [Role.TOOL]: ['toolResult'],
};

const inResult: readonly PartCase[] = ['text', 'image', 'document'];

/** Ids of tool calls seen so far in the conversation. */
type Calls = Set<string>;

export function checkMessages(messages: readonly Message[], found: Violations): void {
  found.check(messages.length > 0, 'messages', 'must have at least one message');
  found.check(messages.length <= 10_000, 'messages', 'must have at most 10,000 messages');
  const calls: Calls = new Set();
  for (const [i, message] of messages.entries()) {
    if (found.full) return;
    checkMessage(message, `messages[${i}]`, calls, found);
  }
}

function checkMessage({ role, content }: Message, path: string, calls: Calls, found: Violations): void {
  const allowed = allowedParts[role];
  if (!allowed) return found.add(`${path}.role`, 'must be SYSTEM, DEVELOPER, USER, ASSISTANT or TOOL');
  found.check(content.length > 0, `${path}.content`, 'must have at least one part');
  found.check(content.length <= 1_000, `${path}.content`, 'must have at most 1,000 parts');
  checkParts(content, `${path}.content`, allowed, `a message of role ${Role[role]}`, calls, found);
  checkCallIds(content, `${path}.content`, found);
}

/** Results are told apart by these ids, so no two calls of a turn may share one. */
function checkCallIds(parts: readonly Part[], path: string, found: Violations): void {
  const ids = new Set<string>();
  for (const [i, { part }] of parts.entries()) {
    if (part.case !== 'toolCall') continue;
    const { id } = part.value;
    found.check(!ids.has(id), `${path}[${i}].tool_call.id`, 'must not be the id of another call in the message');
    ids.add(id);
  }
}

function checkParts(
  parts: readonly Part[],
  path: string,
  allowed: readonly PartCase[],
  where: string,
  calls: Calls,
  found: Violations,
): void {
  for (const [i, { part, promptCache }] of parts.entries()) {
    const at = `${path}[${i}]`;
    checkPromptCache(promptCache, at, found);
    if (part.case === undefined)
      found.add(at, 'must have one of text, image, audio, document, tool_call, tool_result, reasoning, refusal');
    else if (!allowed.includes(part.case))
      found.add(`${at}.${names[part.case]}`, `is not a part that ${where} may have`);
    else checkPart(part, `${at}.${names[part.case]}`, calls, found);
    if (found.full) return;
  }
}

const SECOND = 1_000_000_000n;
const DAY = 24n * 3_600n * SECOND;

function checkPromptCache(hint: PromptCacheHint | undefined, path: string, found: Violations): void {
  if (!hint?.ttl) return;
  const nanos = nanosOf(hint.ttl);
  const holds = nanos !== undefined && nanos >= SECOND && nanos <= DAY;
  found.check(holds, `${path}.prompt_cache.ttl`, 'must be from 1 second to 24 hours');
}

/** Undefined: it is no duration, since its nanoseconds make a second or have another sign. */
const nanosOf = ({ seconds, nanos }: Duration): bigint | undefined =>
  nanos >= 0 && nanos < SECOND ? seconds * SECOND + BigInt(nanos) : undefined;

function checkPart(part: Part['part'], path: string, calls: Calls, found: Violations): void {
  switch (part.case) {
    case 'image':
    case 'audio':
    case 'document':
      return checkMedia(part.value, path, part.case === 'audio', found);
    case 'toolCall':
      found.check(part.value.id !== '' && withinBytes(part.value.id, 512), `${path}.id`, 'must be 1 to 512 bytes');
      found.check(part.value.name !== '', `${path}.name`, 'must not be empty');
      calls.add(part.value.id);
      return;
    case 'toolResult':
      return checkResult(part.value, path, calls, found);
  }
}

function checkResult({ toolCallId, content }: ToolResult, path: string, calls: Calls, found: Violations): void {
  const known = calls.has(toolCallId);
  found.check(known, `${path}.tool_call_id`, 'must be the id of a tool_call in an assistant message before this one');
  checkParts(content, `${path}.content`, inResult, 'a tool_result', calls, found);
}

const mediaType = /^[\w.+-]+\/[\w.+-]+(?: *;.*)?$/;

const isMediaType = (text: string): boolean => withinBytes(text, 255) && mediaType.test(text);

function checkMedia(
  { source, mediaType: type, filename }: Media,
  path: string,
  isAudio: boolean,
  found: Violations,
): void {
  if (source.case === undefined) return found.add(path, isAudio ? 'must have data' : 'must have data or url');
  if (source.case === 'data') {
    found.check(source.value.length > 0, `${path}.data`, 'must not be empty');
    found.check(isMediaType(type), `${path}.media_type`, 'must be a media type such as "image/png"');
  } else if (isAudio) {
    found.add(`${path}.url`, 'is not possible for audio; send data');
  } else {
    found.check(
      isHttps(source.value),
      `${path}.url`,
      'must be an https URL of at most 8,192 bytes, without credentials',
    );
    found.check(type === '' || isMediaType(type), `${path}.media_type`, 'must be a media type such as "image/png"');
  }
  found.check(withinBytes(filename, 255), `${path}.filename`, 'must be at most 255 bytes');
}

function isHttps(text: string): boolean {
  const url = withinBytes(text, 8_192) ? URL.parse(text) : null;
  return url !== null && url.protocol === 'https:' && url.username === '' && url.password === '';
}
