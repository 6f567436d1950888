import { words } from './words.ts';

const { asked, pasted, label } = words;

/** Looks like a key that a caller has put into a label. */
export const LABEL_KEY = `sk-${asked}-0123456789`;

const parameters = JSON.stringify({ type: 'object', properties: { q: { type: 'string', description: asked } } });
const pixel = Buffer.from(asked).toString('base64');

/** A request of the contract as JSON, with something of the caller's wherever it can have something. */
export const contractBody = (model: string): Record<string, unknown> => ({
  model,
  messages: [
    { role: 'ROLE_SYSTEM', content: [{ text: `system ${asked}` }] },
    {
      role: 'ROLE_USER',
      content: [{ text: `user ${asked} ${pasted}` }, { image: { data: pixel, mediaType: 'image/png' } }],
    },
    {
      role: 'ROLE_ASSISTANT',
      content: [{ toolCall: { id: 'c-1', name: 'look', arguments: `{"q":"${asked}","k":"${pasted}"}` } }],
    },
    {
      role: 'ROLE_TOOL',
      content: [{ toolResult: { toolCallId: 'c-1', content: [{ text: `result ${pasted} ${asked}` }] } }],
    },
  ],
  tools: [{ name: 'look', description: `tool ${asked} ${pasted}`, parameters }],
  stop: [`stop ${asked}`],
  labels: { team: label, credential: LABEL_KEY },
  providerOptions: { test: { user: asked, metadata: { note: asked } } },
});

/** The same for OpenAI's format. */
export const chatBody = (model: string): Record<string, unknown> => ({
  model,
  messages: [
    { role: 'system', content: `system ${asked}` },
    {
      role: 'user',
      content: [
        { type: 'text', text: `user ${asked} ${pasted}` },
        { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } },
      ],
    },
    {
      role: 'assistant',
      tool_calls: [
        { id: 'c-1', type: 'function', function: { name: 'look', arguments: `{"q":"${asked}","k":"${pasted}"}` } },
      ],
    },
    { role: 'tool', tool_call_id: 'c-1', content: `result ${pasted} ${asked}` },
  ],
  tools: [
    {
      type: 'function',
      function: { name: 'look', description: `tool ${asked} ${pasted}`, parameters: JSON.parse(parameters) },
    },
  ],
  stop: [`stop ${asked}`],
  user: asked,
  metadata: { note: asked },
  antiphon: {
    labels: { team: label, credential: LABEL_KEY },
    provider_options: { test: { user: asked, metadata: { note: asked } } },
  },
});

const hello = { role: 'ROLE_USER', content: [{ text: asked }] };
const saying = (content: unknown, role = 'ROLE_USER') => ({ messages: [{ role, content }] });

/** Requests of the contract that are wrong in one place, with the caller's words in it. */
export const badContract: readonly Record<string, unknown>[] = [
  { messages: asked },
  { messages: [asked] },
  saying(asked),
  saying([{ text: { [asked]: 1 } }]),
  saying([{ text: asked }], asked),
  saying([{ [asked]: asked }]),
  saying([{ image: { data: `${asked}!`, mediaType: 'image/png' } }]),
  saying([{ image: { url: `file:///${asked}`, mediaType: asked } }]),
  saying([{ toolResult: { toolCallId: asked, content: [{ text: asked }] } }], 'ROLE_TOOL'),
  { messages: [hello], temperature: asked },
  { messages: [hello], temperature: 9 },
  { messages: [hello], seed: asked },
  { messages: [hello], maxTokens: asked },
  { messages: [hello], tools: [{ name: `${asked} !`, parameters: `{${asked}` }] },
  { messages: [hello], toolChoice: { name: asked } },
  { messages: [hello], responseFormat: { jsonSchema: { name: asked.repeat(9), schema: `{${asked}` } } },
  { messages: [hello], stop: [asked.repeat(99)] },
  { messages: [hello], requestType: `${asked} !` },
  { messages: [hello], labels: { team: asked.repeat(99) } },
  { messages: [hello], providerOptions: { test: { messages: asked } } },
  { messages: [hello], providerOptions: asked },
  { messages: [hello], idempotencyKey: asked.repeat(99) },
  { messages: [hello], context: { traceId: { [asked]: 1 } } },
];

const user = { role: 'user', content: asked };

/** The same in OpenAI's format. */
export const badChat: readonly Record<string, unknown>[] = [
  { messages: asked },
  { messages: [asked] },
  { messages: [{ role: asked, content: asked }] },
  { messages: [{ role: 'user', content: { [asked]: 1 } }] },
  { messages: [{ role: 'user', content: [{ type: asked, text: asked }] }] },
  { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: `data:${asked}` } }] }] },
  {
    messages: [{ role: 'user', content: [{ type: 'input_audio', input_audio: { data: `${asked}!`, format: asked } }] }],
  },
  { messages: [{ role: 'tool', tool_call_id: asked, content: asked }] },
  { messages: [user], temperature: asked },
  { messages: [user], temperature: 9 },
  { messages: [user], seed: asked },
  { messages: [user], n: asked },
  { messages: [user], stream: asked },
  { messages: [user], reasoning_effort: asked },
  { messages: [user], response_format: { type: asked } },
  { messages: [user], tools: [{ type: asked }] },
  { messages: [user], tools: [{ type: 'function', function: { name: `${asked} !` } }] },
  { messages: [user], tool_choice: asked },
  { messages: [user], stop: [asked.repeat(99)] },
  { messages: [user], antiphon: asked },
  { messages: [user], antiphon: { tier: asked } },
  { messages: [user], antiphon: { labels: { team: asked.repeat(99) } } },
  { messages: [user], antiphon: { provider_options: { test: { messages: asked } } } },
];

/** What is no JSON at all. */
export const noJson: readonly string[] = [
  `${asked} is not JSON`,
  `{"messages":[{"content":"${asked}"`,
  `"${asked}"`,
  `["${asked}"]`,
  `{"${asked}":`,
  '',
];
