/** What an answer is kept under, and what it can be removed by. */
export interface Entry {
  /** As `cacheKeys` gives it. */
  readonly key: string;
  /** As `tenantOf` gives it. */
  readonly tenant: string;
  /** As "provider/model". */
  readonly model: string;
}
