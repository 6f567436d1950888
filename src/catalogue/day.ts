/** The day of a moment (milliseconds since 1970), in UTC, as YYYY-MM-DD. Days in this form sort as they follow. */
export const dayOf = (wallMs: number): string => new Date(wallMs).toISOString().slice(0, 'YYYY-MM-DD'.length);
