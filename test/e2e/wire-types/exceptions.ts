/** A field that is sent on purpose, and that the package's types do not know or do not allow. */
export interface Exception {
  /** "<kind>/<case>", or "<kind>/*" for all of a kind. */
  readonly of: string;
  /** The field, from the top of the body; "*" stands for any item or key. */
  readonly path: readonly string[];
  readonly because: string;
}

export const exceptions: readonly Exception[] = [
  {
    of: 'openai_compatible/tool-call-signature',
    path: ['messages', '*', 'tool_calls', '*', 'extra_content'],
    because: 'the compatible endpoint of Gemini wants its thought signatures back there',
  },
];
