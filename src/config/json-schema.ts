import { z } from 'zod';
import { fileSchema } from './schema.ts';
import { ONLY_REFERENCE } from './substitute.ts';
import { isBranch } from './tree.ts';

/** A text with a reference, which stands for a value that only the environment knows. */
const REFERENCE = { type: 'string', pattern: '\\$\\{' };

const NARROWING = ['type', 'enum', 'pattern', 'minimum', 'maximum', 'minLength', 'maxLength'];

/** Whether a scalar is so narrow that a reference would not be allowed in its place. A key is a reference anyway. */
const isNarrow = (node: Record<string, unknown>) =>
  ['integer', 'number', 'boolean'].includes(String(node.type)) ||
  (node.type === 'string' && ('enum' in node || ('pattern' in node && node.pattern !== ONLY_REFERENCE.source)));

function referable(node: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(node);
  const own = entries.filter(([key]) => NARROWING.includes(key));
  const others = entries.filter(([key]) => !NARROWING.includes(key));
  return { ...Object.fromEntries(others), anyOf: [Object.fromEntries(own), REFERENCE] };
}

/** Lets every value, though no key, be a reference. */
function withReferences(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withReferences);
  if (!isBranch(node)) return node;
  if (isNarrow(node)) return referable(node);
  const keep = ['propertyNames', 'default'];
  const entries = Object.entries(node).map(([key, value]) => [key, keep.includes(key) ? value : withReferences(value)]);
  return Object.fromEntries(entries);
}

/** A list of plain values over several lines, which the formatter wants on one if it fits. */
const PLAIN_LIST = /^(.*)\[\n\s+("[^"\n]*"(?:,\n\s+"[^"\n]*")*)\n\s+\]/gm;

const LINE_WIDTH = 120;

function onOneLine(list: string, before: string, items: string): string {
  const line = `${before}[${items.replace(/\n\s+/g, ' ')}]`;
  return line.length <= LINE_WIDTH ? line : list;
}

/** The JSON Schema of the configuration file, for editors, as the text of `config.schema.json`. */
export function configJsonSchema(): string {
  const schema = z.toJSONSchema(fileSchema, { io: 'input' });
  const text = JSON.stringify(withReferences(schema), null, 2);
  return `${text.replace(PLAIN_LIST, onOneLine)}\n`;
}
