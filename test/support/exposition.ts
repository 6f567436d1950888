/** A sample of the page that Prometheus reads. */
interface Sample {
  readonly name: string;
  readonly labels: string;
  readonly value: number;
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$/;
const LABELS = /^(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*$/;

/** What belongs to a histogram besides its name. */
const PARTS = /_(?:bucket|sum|count)$/;

function sampleOf(line: string): Sample | undefined {
  const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
  return name === undefined ? undefined : { name, labels, value: Number(value) };
}

interface Metric {
  readonly name: string;
  help: string;
  type: string;
  readonly samples: Sample[];
}

function metricProblems({ name, help, type, samples }: Metric): string[] {
  const problems: string[] = [];
  const check = (holds: boolean, what: string) => holds || problems.push(`${name}: ${what}`);
  check(help !== '', 'has no help');
  check(['counter', 'gauge', 'histogram'].includes(type), `is a ${type}`);
  check((type === 'counter') === name.endsWith('_total'), `is a ${type}`);
  check(!PARTS.test(name), 'is called as a part of a histogram is');
  check(
    !/(?:^|_)(?:counter|gauge|histogram|ms|millis|kb|mb)(?:_|$)/.test(name),
    'has its type, or no base unit, in its name',
  );
  check(
    samples.every(({ labels }) => LABELS.test(labels)),
    'has labels that cannot be read',
  );
  check(
    samples.every(({ value }) => !Number.isNaN(value)),
    'has a value that is no number',
  );
  check(type === 'gauge' || samples.every(({ value }) => value >= 0), 'counts backwards');
  const own = samples.filter((sample) => sample.name === name || type === 'histogram');
  check(own.length === samples.length, 'has samples of another name');
  check(new Set(samples.map((sample) => sample.name + sample.labels)).size === samples.length, 'has a series twice');
  return problems;
}

function histogramProblems({ name, samples }: Metric): string[] {
  const rest = (labels: string) => labels.replace(/,?le="[^"]*"/, '');
  return samples
    .filter((sample) => sample.name === `${name}_count`)
    .filter(({ labels, value }) => {
      const buckets = samples.filter((sample) => sample.name === `${name}_bucket` && rest(sample.labels) === labels);
      const rises = buckets.every((bucket, i) => bucket.value >= (buckets[i - 1]?.value ?? 0));
      return !rises || !buckets.at(-1)?.labels.includes('le="+Inf"') || buckets.at(-1)?.value !== value;
    })
    .map(({ labels }) => `${name}{${labels}}: its buckets do not add up`);
}

/**
 * What is wrong with a page of metrics: by the rules of the text format, and by those of names that Prometheus's own
 * checker has. Source: https://prometheus.io/docs/instrumenting/exposition_formats and https://prometheus.io/docs/practices/naming
 * (2026-11-21).
 */
export function expositionProblems(page: string): string[] {
  const problems = page.endsWith('\n') ? [] : ['the last line does not end'];
  const metrics = new Map<string, Metric>();
  let current: Metric | undefined;
  for (const line of page.split('\n')) {
    const [, word, name = '', text = ''] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (word && current?.name !== name) {
      if (metrics.has(name)) problems.push(`${name} is there twice`);
      current = { name, help: '', type: '', samples: [] };
      metrics.set(name, current);
    }
    if (current && word === 'HELP') current.help = text;
    if (current && word === 'TYPE') current.type = text;
    if (word || line === '' || line.startsWith('#')) continue;
    const sample = sampleOf(line);
    if (!sample || sample.name.replace(current?.type === 'histogram' ? PARTS : '', '') !== current?.name)
      problems.push(`not in its place: ${line}`);
    else current.samples.push(sample);
  }
  const all = [...metrics.values()];
  return [...problems, ...all.flatMap(metricProblems), ...all.flatMap(histogramProblems)];
}
