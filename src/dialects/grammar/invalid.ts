import { GatewayError } from '../../core/errors.ts';

/** `invalid_request` for one field. */
export const invalid = (field: string, description: string): GatewayError =>
  new GatewayError('invalid_request', `${field} ${description}.`, { violations: [{ field, description }] });
