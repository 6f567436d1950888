import type { ModelNames } from '../../dialects/yandex-foundation/model-names.ts';

const SCHEME = 'gpt://';
const DEFAULT_BRANCH = '/latest';

/**
 * Names of models in a folder. Short are `yandexgpt`, for its branch `latest`, and `yandexgpt/rc`; a name with a scheme
 * stays as it is. Answers leave the folder out at times.
 *
 * Source: https://github.com/yandex-cloud/docs, en/ai-studio/concepts/generation/models.md (2026-11-21).
 */
export const modelNames = (folder: string): ModelNames => ({
  uri: (model) => {
    if (model.includes('://')) return model;
    return `${SCHEME}${folder}/${model}${model.includes('/') ? '' : DEFAULT_BRANCH}`;
  },
  short: (uri) => {
    if (!uri.startsWith(SCHEME)) return uri;
    const path = uri.slice(SCHEME.length);
    const own = path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path;
    if (own.split('/').length > 2) return uri;
    return own.endsWith(DEFAULT_BRANCH) ? own.slice(0, -DEFAULT_BRANCH.length) : own;
  },
});
