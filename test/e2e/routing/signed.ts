import { chatBody } from '../../support/upstream.ts';

/** What only the provider that wrote it may see again. */
export const SEAL = Buffer.from('sealed for nobody else').toString('base64');

export const TOOL = { name: 'weather', parameters: '{"type":"object","properties":{"city":{"type":"string"}}}' };
const CITY = { city: 'Rome' };

/** A provider that signs its reasoning, or one that only takes what others have said. */
export interface Speaker {
  /** The name under which it is configured. */
  readonly name: string;
  readonly model: string;
  readonly settings: object;
  /** An answer with signed reasoning and a tool call. Undefined: it signs nothing. */
  readonly signed?: object;
  readonly plain: object;
}

const usage = { input_tokens: 7, output_tokens: 3, total_tokens: 10 };
const message = { id: 'msg_1', type: 'message', role: 'assistant' };
const claude = { ...message, model: 'claude-sonnet-5', stop_sequence: null, usage };

const anthropic: Speaker = {
  name: 'anthropic',
  model: 'claude-sonnet-5',
  settings: {},
  signed: {
    ...claude,
    content: [
      { type: 'thinking', thinking: 'I look.', signature: SEAL },
      { type: 'tool_use', id: 'toolu_1', name: 'weather', input: CITY },
    ],
    stop_reason: 'tool_use',
  },
  plain: { ...claude, content: [{ type: 'text', text: 'Sunny.' }], stop_reason: 'end_turn' },
};

const gemini = (parts: readonly object[]) => ({
  candidates: [{ content: { role: 'model', parts }, index: 0, finishReason: 'STOP' }],
  usageMetadata: { promptTokenCount: 7, candidatesTokenCount: 3, totalTokenCount: 10 },
  modelVersion: 'gemini-3.5-flash',
  responseId: 'resp_1',
});

const google: Speaker = {
  name: 'google',
  model: 'gemini-3.5-flash',
  settings: {},
  signed: gemini([
    { text: 'I look.', thought: true },
    { functionCall: { name: 'weather', args: CITY, id: 'fc_1' }, thoughtSignature: SEAL },
  ]),
  plain: gemini([{ text: 'Sunny.' }]),
};

const responses = (output: readonly object[]) => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1_795_000_000,
  status: 'completed',
  error: null,
  incomplete_details: null,
  model: 'gpt-6-sol',
  output,
  usage,
});

const openai: Speaker = {
  name: 'openai',
  model: 'gpt-6-sol',
  settings: { api: 'responses' },
  signed: responses([
    { id: 'rs_1', type: 'reasoning', summary: [{ type: 'summary_text', text: 'I look.' }], encrypted_content: SEAL },
    { id: 'fc_1', type: 'function_call', status: 'completed', call_id: 'call_1', name: 'weather', arguments: '{}' },
  ]),
  plain: responses([
    { ...message, status: 'completed', content: [{ type: 'output_text', text: 'Sunny.', annotations: [] }] },
  ]),
};

const compatible: Speaker = {
  name: 'own',
  model: 'one',
  settings: { models: ['one'], compat: { replay_reasoning: true } },
  plain: chatBody('Sunny.'),
};

export const speakers: readonly Speaker[] = [anthropic, google, openai, compatible];

/** Another place that speaks as this one does, and would understand what it has signed. */
export const twinOf = ({ name, settings, ...speaker }: Speaker): Speaker => ({
  ...speaker,
  name: `${name}-eu`,
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
  settings: { ...settings, kind: name, api_key: '${TWIN_KEY}' },
});
