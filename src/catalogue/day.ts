/** The day of a moment (milliseconds since 1970), in UTC, as YYYY-MM-DD. Days in this form sort as they follow. */
export const dayOf = (wallMs: number): string => new Date(wallMs).toISOString().slice(0, 'YYYY-MM-DD'.length);

const DAY_MS = 86_400_000;

/** The day it is whenever it is asked. Its text is made once a day, since every call asks. */
export function todayBy(clock: { wallMs(): number }): () => string {
  let madeOn = Number.NaN;
  let text = '';
  return () => {
    const day = Math.floor(clock.wallMs() / DAY_MS);
    if (day !== madeOn) text = dayOf(day * DAY_MS);
    madeOn = day;
    return text;
  };
}
