import { preset } from './openai-compatible/preset.ts';

/**
 * Any server that speaks OpenAI's chat format. `compat` says what it differs in.
 *
 * Source for what may differ: the npm packages @ai-sdk/openai-compatible 3.0.92 and @earendil-works/pi-ai 1.5.2
 * (2026-11-21).
 */
export const openaiCompatible = preset({
  kind: 'openai_compatible',
  baseUrl: undefined,
  needsKey: false,
  telemetryName: (name) => telemetryNames.get(name) ?? name,
});

/**
 * OpenTelemetry's names for providers that have no kind of their own, by the names under which they are likely to be
 * configured.
 *
 * Source: https://github.com/open-telemetry/semantic-conventions-genai, gen_ai.provider.name (2026-11-21).
 */
const telemetryNames: ReadonlyMap<string, string> = new Map([
  ['azure_ai', 'azure.ai.inference'],
  ['azure_openai', 'azure.ai.openai'],
  ['gemini', 'gcp.gemini'],
  ['moonshot', 'moonshot_ai'],
  ['moonshotai', 'moonshot_ai'],
  ['watsonx', 'ibm.watsonx.ai'],
]);
