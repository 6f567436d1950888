/** How much all calls that are under way hold of files. It is one for the whole process. */
export interface MediaRoom {
  /** False: there is no room for so much more. */
  take(bytes: number): boolean;
  /** What is not held any more. */
  free(bytes: number): void;
}

/** Room for so many bytes. */
export function mediaRoom(maxBytes: number): MediaRoom {
  let held = 0;
  return {
    take(bytes) {
      if (held + bytes > maxBytes) return false;
      held += bytes;
      return true;
    },
    free(bytes) {
      held -= bytes;
    },
  };
}
