const paths = [
  'model',
  'contents',
  'systemInstruction',
  'tools',
  'toolConfig.functionCallingConfig',
  'continuationToken',
  ...[
    'temperature',
    'topP',
    'topK',
    'maxOutputTokens',
    'stopSequences',
    'seed',
    'candidateCount',
    'responseMimeType',
    'responseSchema',
    'responseJsonSchema',
    'thinkingConfig',
  ].map((field) => `generationConfig.${field}`),
];

const snake = (path: string): string => path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
/** Only the field is spelled the other way: the object that it is in is refused under its other spelling. */
const innerSnake = (path: string): string => path.replace(/\.(.*)/, (_, field: string) => `.${snake(field)}`);

/**
 * Fields that options may not set: the contract has a place for them, or they would change what shape the answer has.
 * The provider takes every name in snake case too.
 */
export const owned: ReadonlySet<string> = new Set([
  ...paths,
  ...paths.filter((path) => !path.includes('.')).map(snake),
  ...paths.map(innerSnake),
  'tool_config',
  'generation_config',
]);
