import { type WireIds, wireIds } from '../grammar/tool-call-ids.ts';

const TAKEN = /^[A-Za-z0-9]{9}$/;

/** Ids of tool calls for servers that take nine letters and digits only: any other is replaced. */
export const nineLetterIds = (): WireIds =>
  wireIds(
    (id) => TAKEN.test(id),
    (number) => `call${String(number).padStart(5, '0')}`,
  );
