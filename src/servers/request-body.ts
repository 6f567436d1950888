import { isUtf8 } from 'node:buffer';
import { GatewayError } from '../core/errors.ts';
import { asObject, tryParseJson, type UnknownObject } from '../core/json.ts';
import type { HttpRequest } from './http-message.ts';

/**
 * Reads a whole body. Errors: `request_too_large`; `invalid_request` if it is compressed, not UTF-8, or breaks off. What
 * is too large is not read on.
 */
export function readText(request: HttpRequest, maxBytes: number): Promise<string> {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') return Promise.reject(invalid('The body must not be compressed.'));
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return Promise.reject(tooLarge(maxBytes));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const stop = () => {
      request.off('data', take).off('end', end).off('close', brokeOff).off('error', brokeOff);
      // What happens to the rest of it is nobody's concern, but an error without a listener would end the process.
      request.on('error', () => undefined);
    };
    const brokeOff = () => {
      stop();
      reject(invalid('The body broke off.'));
    };
    const take = (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes <= maxBytes) return;
      stop();
      reject(tooLarge(maxBytes));
    };
    const end = () => {
      stop();
      const [first] = chunks;
      const whole = chunks.length === 1 && first ? first : Buffer.concat(chunks, bytes);
      if (isUtf8(whole)) resolve(whole.toString());
      else reject(invalid('The body is not UTF-8.'));
    };
    request.on('data', take).once('end', end).once('close', brokeOff).once('error', brokeOff);
  });
}

/** A body that must be a JSON object. Errors: `invalid_request`, without the text. */
export function objectFrom(text: string): UnknownObject {
  const object = asObject(tryParseJson(text));
  if (!object) throw invalid('The body is not a JSON object.');
  return object;
}

const invalid = (message: string) => new GatewayError('invalid_request', message);

const tooLarge = (maxBytes: number) =>
  new GatewayError('request_too_large', `The body is larger than ${maxBytes} bytes. Send less, or raise the limit.`);
