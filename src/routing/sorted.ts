/** The items by a number, smallest first. Those with the same one stay in their order. Each is asked once, in order. */
export const sortedBy = <T>(items: readonly T[], numberOf: (item: T) => number): readonly T[] =>
  items
    .map((item) => ({ item, number: numberOf(item) }))
    .sort((a, b) => a.number - b.number)
    .map(({ item }) => item);
