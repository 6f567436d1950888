const TAKEN = /^[A-Za-z0-9]{9}$/;

/**
 * Ids of tool calls for servers that take nine letters and digits only: any other is replaced, the same one always by
 * the same.
 */
export function nineLetterIds(): (id: string) => string {
  const replaced = new Map<string, string>();
  return (id) => {
    if (TAKEN.test(id)) return id;
    const short = replaced.get(id) ?? `call${String(replaced.size).padStart(5, '0')}`;
    replaced.set(id, short);
    return short;
  };
}
