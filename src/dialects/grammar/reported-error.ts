import { asArray, asCount, asObject, asString } from '../../core/json.ts';

/** What a provider says of a failure, whatever shape it says it in. Nothing here is safe to show yet. */
export interface ReportedError {
  readonly message: string;
  /** The provider's code and type, in lower case. */
  readonly words: string;
  /** Its code, or its type if it has none, where that is an identifier. */
  readonly code: string | undefined;
  /** The HTTP status that it names itself. */
  readonly status: number | undefined;
}

/**
 * Reads OpenAI's `{"error":{"message","type","code"}}` and what others make of it: `error` as a text, the fields at
 * the top (vLLM, Mistral), a list of errors (Gemini's compatible endpoint), `detail` as a text or a list (FastAPI).
 */
export function reportedError(body: unknown): ReportedError {
  const outer = asObject(Array.isArray(body) ? body[0] : body) ?? {};
  const error = asObject(outer.error) ?? outer;
  const code = word(error.code);
  const type = word(error.type) || word(error.status);
  return {
    message: asString(error.message) || asString(error.error) || detailText(error.detail),
    words: `${code} ${type}`.toLowerCase(),
    code: [code, type].find(isIdentifier),
    status: httpStatus(error.status_code) ?? httpStatus(error.code) ?? httpStatus(error.status),
  };
}

/** No number that is only the HTTP status once more. */
const word = (value: unknown): string =>
  typeof value === 'number' && httpStatus(value) === undefined ? String(value) : asString(value);

/** Free text is no identifier: it may quote the prompt. */
const isIdentifier = (text: string): boolean => /^[A-Za-z0-9_.-]{1,64}$/.test(text) && !/^[45]\d\d$/.test(text);

function detailText(detail: unknown): string {
  const [first] = asArray(detail);
  return asString(detail) || asString(asObject(first)?.msg);
}

function httpStatus(value: unknown): number | undefined {
  const status = asCount(typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value);
  return status !== undefined && status >= 400 && status <= 599 ? status : undefined;
}
