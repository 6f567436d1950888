import { type HealthState, ServingStatus } from './health.ts';
import { answerJson, type HttpHandler, type HttpRequest, type HttpResponse } from './http-message.ts';

/** `/healthz`: the process is alive. `/readyz`: it takes calls. Neither depends on anything outside the process. */
export function probeHandler(health: HealthState): HttpHandler {
  const status = (path: string): { code: number; text: string } | undefined => {
    if (path === '/healthz') return { code: 200, text: 'alive' };
    if (path !== '/readyz') return undefined;
    return health.get('') === ServingStatus.SERVING ? { code: 200, text: 'ready' } : { code: 503, text: 'not ready' };
  };
  return (request, response, path) => {
    const found = status(path);
    if (!found) return false;
    answerState(request, response, found.code, { status: found.text });
    return true;
  };
}

/** Answers who asks for a state with GET or HEAD, and refuses all else. */
export function answerState(
  request: HttpRequest,
  response: HttpResponse,
  code: number,
  body: Readonly<Record<string, unknown>>,
): void {
  if (request.method === 'GET' || request.method === 'HEAD') {
    answerJson(response, code, body);
  } else {
    response.setHeader('allow', 'GET, HEAD');
    answerJson(response, 405, { code: 'unimplemented', message: 'Use GET.' });
  }
}
