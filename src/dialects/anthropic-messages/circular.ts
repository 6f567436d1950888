/** Whether following the references, from name to names, can lead back to where it began. */
export function isCircular(references: ReadonlyMap<string, ReadonlySet<string>>): boolean {
  const incoming = new Map<string, number>();
  for (const to of [...references.values()].flatMap((names) => [...names]))
    incoming.set(to, (incoming.get(to) ?? 0) + 1);
  // It grows while it is gone through: a name is free once all that lead to it are.
  const free = [...references.keys()].filter((name) => !incoming.has(name));
  for (const name of free)
    for (const to of references.get(name) ?? []) {
      const left = (incoming.get(to) ?? 0) - 1;
      incoming.set(to, left);
      if (left === 0 && references.has(to)) free.push(to);
    }
  return free.length < references.size;
}
