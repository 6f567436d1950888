/** Gives ids as the wire takes them: the same id always as the same, and no two as one. */
export type WireIds = (id: string) => string;

/**
 * Ids that fit stay as they are, since some servers read meaning into their own; `made` gives those that stand for
 * others, by a number from 0.
 */
export function wireIds(fits: (id: string) => boolean, made: (number: number) => string): WireIds {
  const known = new Map<string, string>();
  const taken = new Set<string>();
  let number = 0;
  const free = (): string => {
    let id = made(number++);
    while (taken.has(id)) id = made(number++);
    return id;
  };
  return (id) => {
    const same = known.get(id);
    if (same !== undefined) return same;
    const whole = id.toWellFormed();
    const wire = fits(whole) && !taken.has(whole) ? whole : free();
    known.set(id, wire);
    taken.add(wire);
    return wire;
  };
}

/** Ids of which one that is too long, or not written in the `alphabet`, is replaced. */
export const toolCallIds = (maxLength: number, alphabet?: RegExp): WireIds =>
  wireIds(
    (id) => id.length <= maxLength && alphabet?.test(id) !== false,
    (number) => `call_long_${number}`,
  );
