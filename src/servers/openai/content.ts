import { create } from '@bufbuild/protobuf';
import { type Media, MediaSchema, type Part, PartSchema } from '#gen/antiphon/v1/completion_pb.js';
import type { UnknownObject } from '../../core/json.ts';
import type { Fields } from './fields.ts';

type PartInit = Part['part'];

export const partOf = (part: PartInit): Part => {
  const message = create(PartSchema);
  message.part = part;
  return message;
};

export const textPart = (text: string): Part => partOf({ case: 'text', value: text });

/** Content as it is written: one string, or a list of parts. Undefined: there is none. */
export function contentOf(content: unknown, path: string, fields: Fields): Part[] | undefined {
  if (content === undefined || content === null) return undefined;
  if (typeof content === 'string') return [textPart(content)];
  return fields.objects(content, path).flatMap(([part, at]) => wirePart(part, at, fields) ?? []);
}

function wirePart(part: UnknownObject, path: string, fields: Fields): Part | undefined {
  switch (part.type) {
    case 'text':
      return textPart(required(fields.text(part.text, `${path}.text`), `${path}.text`, fields));
    case 'refusal':
      return partOf({
        case: 'refusal',
        value: required(fields.text(part.refusal, `${path}.refusal`), `${path}.refusal`, fields),
      });
    case 'image_url':
      return imagePart(part.image_url, `${path}.image_url`, fields);
    case 'input_audio':
      return audioPart(part.input_audio, `${path}.input_audio`, fields);
    case 'file':
      return filePart(part.file, `${path}.file`, fields);
    default:
      fields.found.add(`${path}.type`, 'must be one of text, refusal, image_url, input_audio, file');
      return undefined;
  }
}

/** Some clients write the address alone in the place of the object. */
function imagePart(value: unknown, path: string, fields: Fields): Part | undefined {
  const url = typeof value === 'string' ? value : fields.text(fields.object(value, path)?.url, `${path}.url`);
  const media = mediaAt(required(url, `${path}.url`, fields), '', `${path}.url`, fields);
  return media && partOf({ case: 'image', value: media });
}

const audioTypes = { wav: 'audio/wav', mp3: 'audio/mpeg', flac: 'audio/flac', opus: 'audio/opus', pcm16: 'audio/pcm' };

function audioPart(value: unknown, path: string, fields: Fields): Part | undefined {
  const audio = fields.object(value, path);
  const mediaType = fields.choice(audio?.format, `${path}.format`, audioTypes);
  const data = required(fields.text(audio?.data, `${path}.data`), `${path}.data`, fields);
  const bytes = bytesOf(data, `${path}.data`, fields);
  if (!bytes || !mediaType) return undefined;
  return partOf({ case: 'audio', value: create(MediaSchema, { source: { case: 'data', value: bytes }, mediaType }) });
}

function filePart(value: unknown, path: string, fields: Fields): Part | undefined {
  const file = fields.object(value, path);
  if (file?.file_id !== undefined && file.file_id !== null) {
    fields.found.add(`${path}.file_id`, 'is not possible here: files are not kept; send file_data');
    return undefined;
  }
  const filename = fields.text(file?.filename, `${path}.filename`) ?? '';
  const data = required(fields.text(file?.file_data, `${path}.file_data`), `${path}.file_data`, fields);
  const media = mediaAt(data, filename, `${path}.file_data`, fields);
  return media && partOf({ case: 'document', value: media });
}

const DATA_URL = /^data:([^;,]+)((?:;[^;,]+)*?)(;base64)?,/;

/** From a data URL, or from the address of a file. */
function mediaAt(text: string, filename: string, path: string, fields: Fields): Media | undefined {
  if (!text.startsWith('data:')) return create(MediaSchema, { source: { case: 'url', value: text }, filename });
  const [head, mediaType = '', , base64] = DATA_URL.exec(text.slice(0, 512)) ?? [];
  if (head === undefined || base64 === undefined) {
    fields.found.add(path, 'must be an https URL, or a data URL with a media type and base64');
    return undefined;
  }
  const bytes = bytesOf(text.slice(head.length), path, fields);
  return bytes && create(MediaSchema, { source: { case: 'data', value: bytes }, mediaType, filename });
}

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

function bytesOf(base64: string, path: string, fields: Fields): Uint8Array<ArrayBuffer> | undefined {
  if (BASE64.test(base64)) return new Uint8Array(Buffer.from(base64, 'base64'));
  fields.found.add(path, 'must be base64');
  return undefined;
}

/** What is missing is told once, where it should be. */
export function required(value: string | undefined, path: string, { found }: Fields): string {
  if (value === undefined && !found.has(path)) found.add(path, 'is missing');
  return value ?? '';
}
