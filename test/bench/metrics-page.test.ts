import { expect, it } from 'vitest';
import { sumOf } from '../../bench/metrics-page.ts';

const PAGE = `# HELP llm_shed_total Calls that were refused.
# TYPE llm_shed_total counter
llm_shed_total{priority="low",cause="delay"} 2
llm_shed_total{priority="low",cause="memory"} 30
llm_shed_total{priority="normal",cause="delay"} 400
llm_shed_total_of_others{priority="low"} 5000
process_uptime_seconds 17.5
`;

it.each([
  ['llm_shed_total', {}, 432],
  ['llm_shed_total', { priority: 'low' }, 32],
  ['llm_shed_total', { cause: 'delay', priority: 'low' }, 2],
  ['llm_shed_total', { cause: 'memory', priority: 'normal' }, 0],
  ['llm_shed_total', { priority: 'lo' }, 0],
  ['llm_shed', {}, 0],
  ['process_uptime_seconds', {}, 17.5],
])('of %s with %j is %d', (metric, labels, expected) => expect(sumOf(PAGE, metric, labels)).toBe(expected));
