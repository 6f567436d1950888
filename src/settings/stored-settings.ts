import type { RuntimeSettings } from '../config/runtime-settings.ts';
import { asObject } from '../core/json.ts';

/** What the store keeps: the revision is that of the document. */
export type StoredSettings = Omit<RuntimeSettings, 'revision'>;

/** Undefined: it is something else, such as what only a later version understands. */
export function storedSettings(json: unknown): StoredSettings | undefined {
  const found = asObject(json);
  if (!found) return undefined;
  const { allowedModels, quotas, routing } = found;
  if (Object.keys(found).some((key) => !KNOWN.includes(key))) return undefined;
  if (allowedModels !== undefined && !isTexts(allowedModels)) return undefined;
  const sections = { quotas: asObject(quotas), routing: asObject(routing) };
  if ((quotas !== undefined && !sections.quotas) || (routing !== undefined && !sections.routing)) return undefined;
  return { allowedModels, ...sections };
}

const KNOWN = ['allowedModels', 'quotas', 'routing'];

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');
