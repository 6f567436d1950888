/**
 * Ids as the wire takes them: one that is too long is replaced, the same one always by the same. Others stay as they
 * are, since some servers read meaning into their own.
 */
export function toolCallIds(maxLength: number): (id: string) => string {
  const replaced = new Map<string, string>();
  return (id) => {
    if (id.length <= maxLength) return id.toWellFormed();
    const short = replaced.get(id) ?? `call_long_${replaced.size}`;
    replaced.set(id, short);
    return short;
  };
}
