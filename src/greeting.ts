import type { Config } from './config/config.ts';

export interface Addresses {
  readonly grpc: string;
  readonly http: string;
  readonly metrics: string;
}

const BODY = `{"messages":[{"role":"ROLE_USER","content":[{"text":"Hello!"}]}]}`;

const METHOD = 'antiphon.v1.LlmService/Complete';

/** What a person reads at start-up: where it listens, who answers, and three calls to try. */
export const greeting = (config: Config, { grpc, http, metrics }: Addresses): string => `
Antiphon is listening
  gRPC      ${grpc}
  Connect   http://${http}   (also gRPC-Web, gRPC, /healthz, /readyz)
  metrics   http://${metrics}/metrics
  providers ${config.providers.map(({ name }) => name).join(', ') || 'none'}; default model ${config.defaultModel ?? 'none'}
${config.notices.map((notice) => `  ${notice}\n`).join('')}
Try one of these in another terminal:
  npx buf curl --protocol grpc -d '${BODY}' http://${grpc}/${METHOD}
  curl -H 'content-type: application/json' -d '${BODY}' http://${http}/${METHOD}
  grpcurl -plaintext -d '${BODY}' ${grpc} ${METHOD}

`;
