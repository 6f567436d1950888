/** The keys, and the places in lists, that lead to a value. */
export type Path = readonly PropertyKey[];

/** A mapping of the file, or what the environment adds to one. */
export type Branch = Record<string, unknown>;

export const isBranch = (value: unknown): value is Branch =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const PLAIN_KEY = /^[\w-]{1,64}$/;

/** A key that is not a plain word is quoted and cut, so that it cannot look like something else. */
function keyText(key: PropertyKey): string {
  const text = String(key);
  return PLAIN_KEY.test(text) ? text : JSON.stringify(text.slice(0, 40));
}

/** The path as people write it: `models.allowed[2]`. */
export const pathText = (path: Path): string =>
  path.reduce<string>(
    (text, key) =>
      typeof key === 'number' ? `${text}[${key}]` : text === '' ? keyText(key) : `${text}.${keyText(key)}`,
    '',
  ) || 'the file';

/** What is there; undefined: nothing. */
export const valueAt = (tree: unknown, path: Path): unknown =>
  path.reduce<unknown>((at, key) => {
    const within = isBranch(at) || Array.isArray(at);
    return within && Object.hasOwn(at, key) ? (at as Record<PropertyKey, unknown>)[key] : undefined;
  }, tree);

/** A copy with `value` there; undefined removes it. What stands in the way and holds nothing is left as it is. */
export function withValue(tree: Branch, path: Path, value: unknown): Branch {
  const [head, ...rest] = path;
  if (head === undefined) return tree;
  const key = String(head);
  const inner = Object.hasOwn(tree, key) ? tree[key] : undefined;
  const others = Object.entries(tree).filter(([other]) => other !== key);
  if (rest.length === 0)
    return Object.fromEntries(value === undefined ? others : [...Object.entries(tree), [key, value]]);
  return Object.fromEntries([...Object.entries(tree), [key, within(inner ?? {}, rest, value)]]);
}

/** The same within a value that may also be a list. */
function within(inner: unknown, path: Path, value: unknown): unknown {
  if (isBranch(inner)) return withValue(inner, path, value);
  const [at, ...rest] = path;
  if (!Array.isArray(inner)) return inner;
  return inner.map((item, i) => (i !== at ? item : rest.length === 0 ? value : within(item, rest, value)));
}

/** A copy without these keys of what is there. */
export function withoutKeys(tree: Branch, path: Path, keys: readonly string[]): Branch {
  const there = valueAt(tree, path);
  if (!isBranch(there)) return tree;
  const gone = new Set(keys);
  const left = Object.fromEntries(Object.entries(there).filter(([key]) => !gone.has(key)));
  return path.length === 0 ? left : withValue(tree, path, left);
}
