import type { Config } from './config/config.ts';

export interface Addresses {
  readonly grpc: string;
  readonly http: string;
  readonly metrics: string;
}

const BODY = `{"messages":[{"role":"ROLE_USER","content":[{"text":"Hello!"}]}]}`;

const METHOD = 'antiphon.v1.LlmService/Complete';

/** What a person reads at start-up: where it listens, who answers, and three calls to try. */
export function greeting(config: Config, { grpc, http, metrics }: Addresses): string {
  const scheme = config.tls ? 'https' : 'http';
  const key = config.access.keys.length > 0 ? ` -H 'authorization: Bearer <key>'` : '';
  return `
Antiphon is listening
  gRPC      ${grpc}
  Connect   ${scheme}://${http}   (also gRPC-Web, gRPC, /healthz, /readyz)
  metrics   http://${metrics}/metrics
  providers ${config.providers.map(({ name }) => name).join(', ') || 'none'}; default model ${config.defaultModel ?? 'none'}
${config.notices.map((notice) => `  ${notice}\n`).join('')}
Try one of these in another terminal:
  npx buf curl --protocol grpc${key} -d '${BODY}' ${scheme}://${grpc}/${METHOD}
  curl -H 'content-type: application/json'${key} -d '${BODY}' ${scheme}://${http}/${METHOD}
  grpcurl${config.tls ? '' : ' -plaintext'}${key} -d '${BODY}' ${grpc} ${METHOD}

`;
}
