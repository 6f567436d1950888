import type { JsonValue } from '@bufbuild/protobuf';
import type { AuditNote } from '../core/audit-note.ts';
import { type ErrorKind, errorKinds } from '../core/errors.ts';
import { asCount, asObject, asString, tryParseJson } from '../core/json.ts';
import type { Redact } from '../core/redact.ts';

/** A note, as it is kept. */
export interface AuditEvent extends Omit<AuditNote, 'before' | 'after'> {
  /** Unique. Later ones have greater ones, by their bytes. */
  readonly id: string;
  /** In milliseconds since 1970. */
  readonly timeMs: number;
  /** JSON. Empty: nothing, or not known. */
  readonly before: string;
  readonly after: string;
}

const MAX_NAME = 128;
const MAX_OBJECT = 256;
const MAX_JSON = 64 * 1024;

/** What a terminal might obey, or a reader might not see. */
const CONTROLS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Makes an event of a note: no secrets in any text, none of them too long. */
export function eventOf(note: AuditNote, id: string, timeMs: number, redact: Redact): AuditEvent {
  const text = (value: string, max: number) =>
    redact(value.slice(0, 4 * max))
      .replace(CONTROLS, ' ')
      .slice(0, max);
  return {
    id,
    timeMs,
    actor: text(note.actor, MAX_NAME),
    team: text(note.team, MAX_NAME),
    action: text(note.action, MAX_NAME),
    object: text(note.object, MAX_OBJECT),
    refusedBecause: note.refusedBecause,
    before: jsonText(note.before, redact),
    after: jsonText(note.after, redact),
    requestId: text(note.requestId, MAX_NAME),
  };
}

/** A text that was cut would be no JSON any more. */
function jsonText(value: JsonValue | undefined, redact: Redact): string {
  if (value === undefined) return '';
  const text = JSON.stringify(value, (_, inner) => (typeof inner === 'string' ? redact(inner) : inner));
  return text.length <= MAX_JSON ? text : JSON.stringify({ omitted_characters: text.length });
}

/** As the store keeps it. Its id is its key there. */
export function encodeEvent({ id: _, ...event }: AuditEvent): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(event));
}

/** Undefined: it is none. */
export function decodeEvent(id: string, bytes: Uint8Array | undefined): AuditEvent | undefined {
  const json = asObject(bytes && tryParseJson(new TextDecoder().decode(bytes)));
  const timeMs = asCount(json?.timeMs);
  if (!json || timeMs === undefined) return undefined;
  const names = ['actor', 'team', 'action', 'object', 'before', 'after', 'requestId'] as const;
  const texts = Object.fromEntries(names.map((name) => [name, asString(json[name])]));
  return { id, timeMs, ...(texts as Record<(typeof names)[number], string>), refusedBecause: kindOf(json) };
}

/** A reason that only a later version knows is still one. */
const kindOf = ({ refusedBecause: kind }: Readonly<Record<string, unknown>>): ErrorKind | undefined =>
  kind === undefined ? undefined : (errorKinds.find((known) => known === kind) ?? 'internal');
