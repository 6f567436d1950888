import { anthropic } from './anthropic.ts';
import { google } from './google.ts';
import { openai } from './openai.ts';
import { azure } from './openai-compatible/azure.ts';
import { cerebras } from './openai-compatible/cerebras.ts';
import { deepseek } from './openai-compatible/deepseek.ts';
import { fireworks } from './openai-compatible/fireworks.ts';
import { groq } from './openai-compatible/groq.ts';
import { huggingface } from './openai-compatible/huggingface.ts';
import { mistral } from './openai-compatible/mistral.ts';
import { ollama } from './openai-compatible/ollama.ts';
import { perplexity } from './openai-compatible/perplexity.ts';
import { together } from './openai-compatible/together.ts';
import { vllm } from './openai-compatible/vllm.ts';
import { xai } from './openai-compatible/xai.ts';
import { openaiCompatible } from './openai-compatible.ts';
import { openrouter } from './openrouter.ts';
import type { ProviderKind } from './provider.ts';
import { yandexAiStudio } from './yandex-ai-studio.ts';

/** Every kind of provider that asks a server, in the order in which they are preferred where nobody chose. */
const kinds: readonly ProviderKind[] = [
  openai,
  anthropic,
  google,
  openrouter,
  yandexAiStudio,
  groq,
  mistral,
  deepseek,
  xai,
  together,
  fireworks,
  cerebras,
  perplexity,
  huggingface,
  azure,
  ollama,
  vllm,
  openaiCompatible,
];

/** All kinds, by the word for each in the configuration. */
export const providerKinds: ReadonlyMap<string, ProviderKind> = new Map(kinds.map((kind) => [kind.kind, kind]));
