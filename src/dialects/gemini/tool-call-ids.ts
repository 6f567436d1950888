/**
 * Ids as the wire takes them: up to 64 letters, digits, "_" and "-". Any other is replaced, the same one always by the
 * same.
 */
export function wireIds(): (id: string) => string {
  const replaced = new Map<string, string>();
  return (id) => {
    if (/^[\w-]{1,64}$/.test(id)) return id;
    const fit = replaced.get(id) ?? `call_odd_${replaced.size}`;
    replaced.set(id, fit);
    return fit;
  };
}
