import { create } from '@bufbuild/protobuf';
import { type Duration, DurationSchema } from '@bufbuild/protobuf/wkt';

/** Milliseconds as the contract's duration. Negative ones, which a clock cannot give, count as none. */
export function duration(ms: number): Duration {
  const nanos = Math.round(Math.max(ms, 0) * 1e6);
  return create(DurationSchema, { seconds: BigInt(Math.floor(nanos / 1e9)), nanos: nanos % 1e9 });
}
