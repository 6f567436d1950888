import type { JsonObject } from '@bufbuild/protobuf';
import type { CompleteRequest } from '#gen/antiphon/v1/completion_pb.js';
import type { ListedModel } from '../core/listed-model.ts';
import type { PromptCaching } from '../core/prompt-caching.ts';
import type { Dialect } from '../dialects/dialect.ts';

/** What a provider may be told of a call besides the request. */
export interface CallIds {
  /** The gateway's id of the call. */
  readonly callId: string;
  readonly traceId: string;
  /** Empty: none was given. */
  readonly sessionId: string;
  readonly sourceAgent: string;
}

/** How a provider lists its models. */
export interface Listing {
  /** Appended to the base address; begins with "/". */
  readonly path: string;
  /**
   * Reads one page. `next` is the path of the page after it, if there is one. What is not a listing is taken for an
   * empty page.
   */
  read(body: unknown): { readonly models: readonly ListedModel[]; readonly next: string | undefined };
}

/** A place that speaks one dialect, or several. */
export interface Provider {
  /** The name under which it is configured; unique. */
  readonly name: string;
  /** Its name in OpenTelemetry's GenAI conventions (`gen_ai.provider.name`). */
  readonly telemetryName: string;
  /** Where requests go; no query, no trailing slash. */
  readonly baseUrl: URL;
  /** The wire format for this request to this model. */
  dialect(request: CompleteRequest, model: string): Dialect;
  /**
   * The request headers that sign a request and say whose it is. Names in lower case. Without a key the request is not
   * signed.
   */
  headers(ids: CallIds, key: string | undefined): Readonly<Record<string, string>>;
  /** Fields that say whose the request is, to be put into its body. Undefined: there are none. */
  readonly bodyFields?: (ids: CallIds) => JsonObject;
  /** Which URLs of images and documents it does not fetch itself, so that the gateway has to. Undefined: none. */
  readonly wantsBytes?: (url: string) => boolean;
  /** How it keeps the beginnings of prompts of a model. Undefined: it does not, or needs no telling. */
  readonly promptCaching?: (model: string) => PromptCaching | undefined;
  /** The response header with the provider's id of the request, in lower case. */
  readonly requestIdHeader: string;
  /** Undefined: it does not list its models. */
  readonly listing?: Listing;
}

/** What a server that speaks OpenAI's chat format differs in. */
export interface CompatFlags {
  readonly maxTokensField: 'max_tokens' | 'max_completion_tokens';
  /** Takes the role `developer`; otherwise it gets `system`. */
  readonly developerRole: boolean;
  /** Takes `stream_options.include_usage`. */
  readonly streamUsage: boolean;
  /** Takes `response_format` json_schema; otherwise it gets json_object, the schema in words, and a warning. */
  readonly jsonSchema: boolean;
  /** Takes `response_format` json_object; otherwise JSON is asked for in words. */
  readonly jsonObject: boolean;
  /** Takes `reasoning_effort`. */
  readonly reasoningEffort: boolean;
  /** Wants the reasoning of earlier assistant messages back as `reasoning_content`. */
  readonly replayReasoning: boolean;
}

/** What can be set for a provider. The last five are for those kinds that say so in `settings`. */
export interface ProviderSettings {
  readonly name: string;
  /** With the version, where addresses have one: `https://api.openai.com/v1`. */
  readonly baseUrl: URL;
  /** Sent with every request, and over the provider's own. Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly compat?: Partial<CompatFlags> | undefined;
  /** Which of several interfaces to speak to. Undefined: the one that suits the model. */
  readonly api?: Api | undefined;
  /** The folder that Yandex Cloud bills. */
  readonly folderId?: string | undefined;
  /** How the application is named to OpenRouter. */
  readonly app?: { readonly url?: string | undefined; readonly title?: string | undefined } | undefined;
  /** Lets the provider keep requests for its own use. */
  readonly dataLogging?: boolean | undefined;
}

export type Api = 'chat' | 'responses' | 'native';

export type SpecialSetting = 'compat' | 'api' | 'folderId' | 'app' | 'dataLogging';

/** The environment variables of a kind that are not called after it. */
export interface KindVariables {
  /** Names for the key, instead of <KIND>_API_KEY. The first that is set counts. */
  readonly keys?: readonly string[];
  /** The name for `folderId`. */
  readonly folderId?: string;
}

/** One kind of provider. A new one is a file with one of these, and a line in registry.ts. */
export interface ProviderKind {
  /** The word for it in the configuration, and the name of such a provider unless it is given another one. */
  readonly kind: string;
  /** Where requests go unless it is configured; undefined: it must be. */
  readonly baseUrl: string | undefined;
  /** Whether it is off without a key. */
  readonly needsKey: boolean;
  /** The special settings that it has a use for. */
  readonly settings: readonly SpecialSetting[];
  /** The interfaces that `api` may name; empty: there is only one. */
  readonly apis: readonly Api[];
  readonly variables?: KindVariables;
  create(settings: ProviderSettings): Provider;
}
