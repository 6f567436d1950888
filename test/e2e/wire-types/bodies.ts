import type Anthropic from '@anthropic-ai/sdk';
import type { Content, GenerateContentConfig, GenerationConfig, SafetySetting, Tool, ToolConfig } from '@google/genai';
import type OpenAI from 'openai';

type Chat = OpenAI.Chat.Completions.ChatCompletionCreateParams;
type ChatMessage = OpenAI.Chat.Completions.ChatCompletionMessageParam;
type Content_<M> = M extends { content?: infer C } ? C : never;

/** Each member of a union without some of its fields: `Omit` alone would give what all members have. */
type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
type With<T, X> = T extends unknown ? T & X : never;

/** What goes to `/chat/completions` of OpenAI, and of servers of the same format. */
export type ChatBody = Chat;

/** What goes to `/responses`. */
export type ResponsesBody = OpenAI.Responses.ResponseCreateParams;

/**
 * What goes to `/messages`. The package's types are for the version 2026-10-21 of the API, which takes no sampling; the
 * gateway speaks 2023-06-01. Source: the npm package @anthropic-ai/sdk 0.137.0, resources/messages/messages.d.ts.
 */
export type MessagesBody = Anthropic.MessageCreateParams & {
  readonly temperature?: number;
  readonly top_p?: number;
  readonly top_k?: number;
};

/**
 * What OpenRouter takes besides. Source: the npm package @openrouter/sdk 1.3.19, esm/models/chatrequest.d.ts,
 * chatcontentcachecontrol.d.ts, chatcontentaudioinputaudio.d.ts and reasoningdetailunion.d.ts (2026-11-21).
 */
interface CacheControl {
  readonly type: 'ephemeral';
  readonly ttl?: '5m' | '1h';
}
type ReasoningDetail = { readonly index?: number; readonly format?: string | null; readonly id?: string | null } & (
  | { readonly type: 'reasoning.text'; readonly text?: string | null; readonly signature?: string | null }
  | { readonly type: 'reasoning.summary'; readonly summary: string }
  | { readonly type: 'reasoning.encrypted'; readonly data: string }
);
type Effort = 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max';
interface OpenRouterExtras {
  readonly reasoning?: {
    readonly effort?: Effort;
    readonly max_tokens?: number;
    readonly enabled?: boolean;
    readonly exclude?: boolean;
    readonly summary?: 'auto' | 'concise' | 'detailed';
  };
  readonly top_k?: number;
  readonly min_p?: number;
  readonly top_a?: number;
  readonly repetition_penalty?: number;
  readonly models?: readonly string[];
  readonly provider?: Readonly<Record<string, unknown>>;
  readonly plugins?: readonly Readonly<Record<string, unknown>>[];
  readonly session_id?: string;
  readonly trace?: Readonly<Record<string, unknown>>;
  readonly cache_control?: CacheControl;
}
/** Audio of any format, where OpenAI takes two. */
interface AnyAudio {
  readonly type: 'input_audio';
  readonly input_audio: { readonly data: string; readonly format: string };
}
type Wider<P> = P extends { type: 'input_audio' } ? AnyAudio : P;
type Marked<C> = C extends readonly (infer P)[] ? With<Wider<P>, { readonly cache_control?: CacheControl }>[] : C;
type OpenRouterMessage = ChatMessage extends infer M
  ? M extends ChatMessage
    ? Omit<M, 'content'> & {
        content?: Marked<Content_<M>>;
        reasoning?: string;
        reasoning_details?: readonly ReasoningDetail[];
      }
    : never
  : never;
type OpenRouterTool = With<OpenAI.Chat.Completions.ChatCompletionTool, { readonly cache_control?: CacheControl }>;

/** What goes to `/chat/completions` of OpenRouter. */
export type OpenRouterBody = Without<Chat, 'messages' | 'tools'> &
  OpenRouterExtras & { messages: OpenRouterMessage[]; tools?: OpenRouterTool[] };

/**
 * What other servers of the chat format take besides. Sources (2026-11-21): the API references of DeepSeek
 * (reasoning_content of earlier messages), Mistral (random_seed, tool_choice "any"), and vLLM (top_k).
 */
export type CompatibleBody = Without<Chat, 'messages' | 'tool_choice'> & {
  messages: With<ChatMessage, { readonly reasoning_content?: string }>[];
  tool_choice?: Chat['tool_choice'] | 'any';
  random_seed?: number;
  top_k?: number;
};

/** In JSON the members of an enumeration are plain words. */
type Words<T> = T extends string
  ? `${T}`
  : T extends readonly (infer I)[]
    ? Words<I>[]
    : T extends object
      ? { [K in keyof T]: Words<T[K]> }
      : T;

/**
 * What goes to `generateContent` and `streamGenerateContent`. The package has a type for each of its parts, but none for
 * the body as it is sent: its own functions take some fields of it as settings.
 */
export interface GenerateBody extends Words<Pick<GenerateContentConfig, FieldsAmongSettings>> {
  contents: Words<Content>[];
  systemInstruction?: Words<Content>;
  generationConfig?: Words<GenerationConfig>;
  tools?: Words<Tool>[];
  toolConfig?: Words<ToolConfig>;
  safetySettings?: Words<SafetySetting>[];
}
type FieldsAmongSettings = 'cachedContent' | 'serviceTier' | 'continuationToken';
