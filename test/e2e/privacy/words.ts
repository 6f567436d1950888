/**
 * What stands in all that a caller sends, a key that a user has pasted there, what the model says, what only the operator
 * knows, and what a label says.
 */
export const words = {
  asked: 'canarybirdcanarybird',
  pasted: 'sk-pastedjaypastedjay',
  answered: 'answerfowlanswerfowl',
  key: 'secretwrensecretwren',
  label: 'labelfinchlabelfinch',
} as const;

export type Word = keyof typeof words;

/** A word as it is, and in base64 wherever in the encoded bytes it may begin. */
const formsOf = (word: string): readonly string[] => [
  word,
  ...[0, 1, 2].map((n) =>
    Buffer.from('x'.repeat(n) + word)
      .toString('base64')
      .slice(4, -4),
  ),
];

const forms = Object.fromEntries(Object.entries(words).map(([name, word]) => [name, formsOf(word)])) as Record<
  Word,
  readonly string[]
>;

/** Those of these words that a text holds, each with what stands before it. */
export function found(text: string, ...looked: readonly Word[]): readonly string[] {
  return looked.flatMap((word) => {
    const at = forms[word].map((form) => text.indexOf(form)).filter((place) => place >= 0);
    return at.length > 0 ? [`${word}: ${text.slice(Math.max(Math.min(...at) - 160, 0), Math.min(...at) + 20)}`] : [];
  });
}
