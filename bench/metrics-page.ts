/**
 * The sum of a metric's series on a page that Prometheus reads, of those that have all these labels. 0: there are none.
 */
export function sumOf(page: string, metric: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  let sum = 0;
  for (const line of page.split('\n')) {
    const [, name, has = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
    if (name === metric && wanted.every((label) => has.split(',').includes(label))) sum += Number(value);
  }
  return sum;
}
