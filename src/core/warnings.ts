import { create } from '@bufbuild/protobuf';
import { type Warning, WarningCode, WarningSchema } from '#gen/antiphon/v1/completion_pb.js';

const warning = (code: WarningCode, field: string, message: string): Warning =>
  create(WarningSchema, { code, field, message });

/** A field was not sent. `field` is its path in the proto's names. */
export const dropped = (field: string, message: string): Warning => warning(WarningCode.DROPPED, field, message);

/** A field was sent with another value, or in another place. */
export const adjusted = (field: string, message: string): Warning => warning(WarningCode.ADJUSTED, field, message);

/** The answer held something that the contract has no place for. */
export const contentOmitted = (message: string): Warning => warning(WarningCode.CONTENT_OMITTED, '', message);

export const usageEstimated = (): Warning =>
  warning(
    WarningCode.USAGE_ESTIMATED,
    '',
    'The provider gave no usage; the counts are an estimate from the length of the text.',
  );

export const schemaMismatch = (): Warning =>
  warning(
    WarningCode.SCHEMA_MISMATCH,
    'response_format',
    'The answer does not fit the schema: the model was asked to keep to it, and did not. Check it, or ask again.',
  );

/** `date` is YYYY-MM-DD. */
export const retirement = (message: string): Warning => warning(WarningCode.MODEL_RETIREMENT, 'model', message);

export const mocked = (): Warning =>
  warning(WarningCode.MOCKED, '', 'No model was called: the mock provider made this answer.');

export const fallbackAnswer = (): Warning =>
  warning(
    WarningCode.FALLBACK_ANSWER,
    '',
    'No model answered: this is the answer that the server is configured with for that case.',
  );
