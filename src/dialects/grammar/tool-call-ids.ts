/**
 * Ids as the wire takes them: one that is too long, or not written in the `alphabet`, is replaced, the same one always
 * by the same. Others stay as they are, since some servers read meaning into their own.
 */
export function toolCallIds(maxLength: number, alphabet?: RegExp): (id: string) => string {
  const replaced = new Map<string, string>();
  return (id) => {
    if (id.length <= maxLength && alphabet?.test(id) !== false) return id.toWellFormed();
    const short = replaced.get(id) ?? `call_long_${replaced.size}`;
    replaced.set(id, short);
    return short;
  };
}
