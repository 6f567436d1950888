import { randomFillSync } from 'node:crypto';

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;

/** Random bytes are cheap by the thousand and dear one by one. */
const pool = Buffer.alloc(4096);
let used = pool.length;

function hex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  const id = pool.toString('hex', used - bytes, used);
  return /[1-9a-f]/.test(id) ? id : hex(bytes);
}

/** 32 lower-case hexadecimal digits, not all zero. */
export const newTraceId = (): string => hex(TRACE_ID_BYTES);

/** 16 lower-case hexadecimal digits, not all zero. */
export const newSpanId = (): string => hex(SPAN_ID_BYTES);
