import { asObject, type UnknownObject } from '../../core/json.ts';

/** What the contract has no place for, by the field that it comes in. */
const ofCandidate: Readonly<Record<string, string>> = {
  groundingMetadata: 'its sources',
  citationMetadata: 'citations',
  urlContextMetadata: 'what it read by URL',
  logprobsResult: 'log probabilities',
};

const ofPart: Readonly<Record<string, string>> = {
  inlineData: 'generated media',
  fileData: 'generated files',
  executableCode: 'code that the provider ran',
  codeExecutionResult: 'code that the provider ran',
  toolCall: "calls of the provider's own tools",
  toolResponse: "calls of the provider's own tools",
};

/** An empty object holds nothing. */
const isFilled = (value: unknown): boolean => Object.keys(asObject(value) ?? {}).length > 0;

export const omittedOfCandidate = (candidate: UnknownObject): readonly string[] =>
  Object.entries(ofCandidate).flatMap(([field, what]) => (isFilled(candidate[field]) ? [what] : []));

/** Undefined: the part is text, or only a signature. */
export function omittedOfPart(part: UnknownObject): string | undefined {
  if (typeof part.text === 'string') return undefined;
  const field = Object.keys(part).find((key) => isFilled(part[key]));
  return field === undefined ? undefined : (ofPart[field] ?? 'parts of a kind that is not known here');
}
