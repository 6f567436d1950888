import { wireIds as given, type WireIds } from '../grammar/tool-call-ids.ts';

/** Ids as the wire takes them: up to 64 letters, digits, "_" and "-". Any other is replaced. */
export const wireIds = (): WireIds =>
  given(
    (id) => /^[\w-]{1,64}$/.test(id),
    (number) => `call_odd_${number}`,
  );
