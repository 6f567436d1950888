/** The caller's span, as the W3C headers of a call give it. */
export interface RemoteParent {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** 16 lower-case hexadecimal digits, not all zero. */
  readonly spanId: string;
  /** Whether the caller says that it records the trace. */
  readonly sampled: boolean;
  /** What tracing systems before this one added. At most 512 characters. */
  readonly tracestate: string | undefined;
}

/** Version, trace id, parent id, flags; a version after 00 may have more behind them. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ALL_ZERO = /^0+$/;
const SAMPLED = 1;

/**
 * Reads `traceparent` and `tracestate`; undefined if there is no parent to continue. A bad tracestate does not spoil
 * the parent, a bad traceparent spoils both.
 *
 * Source: https://www.w3.org/TR/trace-context-2/ (2026-11-21).
 */
export function remoteParent(
  traceparent: string | undefined,
  tracestate: string | undefined,
): RemoteParent | undefined {
  const match = traceparent === undefined ? undefined : TRACEPARENT.exec(traceparent.trim());
  if (!match) return undefined;
  const [, version = '', traceId = '', spanId = '', flags = '', more] = match;
  if (version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (ALL_ZERO.test(traceId) || ALL_ZERO.test(spanId)) return undefined;
  const sampled = (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED;
  return { traceId, spanId, sampled, tracestate: cleanTracestate(tracestate) };
}

/** The `traceparent` that makes what comes next a child of this span. */
export const formatTraceparent = (traceId: string, spanId: string, sampled: boolean): string =>
  `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;

/** Whether a text can be a trace's id: 32 hexadecimal digits in any case, not all zero. */
export const isTraceId = (text: string): boolean => /^[0-9a-f]{32}$/i.test(text) && !ALL_ZERO.test(text);

/** Longer ones are not read at all. */
const MAX_TRACESTATE_READ = 8192;
const MAX_TRACESTATE = 512;
const MAX_TRACESTATE_MEMBERS = 32;
/** Members longer than this are the first to go. */
const LONG_TRACESTATE_MEMBER = 128;

const TRACESTATE_MEMBER =
  /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

const joinedLength = (members: readonly string[]): number =>
  members.reduce((sum, member) => sum + member.length + 1, -1);

/** A tracestate cut to what must be carried, or undefined if nothing of it is left or it breaks a rule. */
function cleanTracestate(text: string | undefined): string | undefined {
  if (!text || text.length > MAX_TRACESTATE_READ) return undefined;
  let members = text.split(',').map((member) => member.trim());
  members = members.filter((member) => member !== '');
  const keys = new Set(members.map((member) => member.slice(0, member.indexOf('='))));
  if (members.length > MAX_TRACESTATE_MEMBERS || keys.size < members.length) return undefined;
  if (!members.every((member) => TRACESTATE_MEMBER.test(member))) return undefined;
  if (joinedLength(members) > MAX_TRACESTATE) {
    members = members.filter((member) => member.length <= LONG_TRACESTATE_MEMBER);
  }
  while (joinedLength(members) > MAX_TRACESTATE) members.pop();
  return members.join(',') || undefined;
}

const MAX_BAGGAGE = 8192;
const MAX_BAGGAGE_MEMBERS = 64;
/** Every character of a value may be percent-encoded, and takes three then. */
const ENCODED_CHARACTER = 3;

/**
 * One value of a `baggage` header, decoded; undefined if it is not there, cannot be decoded or is longer than
 * `maxCharacters`. Of a header beyond what W3C says must be carried, only the members that fit are looked at. The first
 * of several with one key counts. Properties are ignored.
 *
 * Source: https://www.w3.org/TR/baggage/ (2026-11-21).
 */
export function baggageValue(baggage: string | undefined, key: string, maxCharacters: number): string | undefined {
  if (!baggage) return undefined;
  for (const member of baggageMembers(baggage)) {
    const equals = member.indexOf('=');
    if (equals < 0 || member.slice(0, equals).trim() !== key) continue;
    const properties = member.indexOf(';', equals);
    const value = member.slice(equals + 1, properties < 0 ? undefined : properties).trim();
    return value.length > maxCharacters * ENCODED_CHARACTER ? undefined : percentDecoded(value, maxCharacters);
  }
  return undefined;
}

function baggageMembers(baggage: string): readonly string[] {
  if (baggage.length <= MAX_BAGGAGE) return baggage.split(',', MAX_BAGGAGE_MEMBERS);
  const whole = baggage.lastIndexOf(',', MAX_BAGGAGE);
  return whole < 0 ? [] : baggage.slice(0, whole).split(',', MAX_BAGGAGE_MEMBERS);
}

function percentDecoded(value: string, maxCharacters: number): string | undefined {
  try {
    const decoded = decodeURIComponent(value);
    return decoded.length > maxCharacters ? undefined : decoded;
  } catch {
    return undefined;
  }
}
