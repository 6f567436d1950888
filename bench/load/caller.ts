/** How one call goes. */
export interface Listener {
  /** A piece of a stream. */
  token(): void;
  /** The call is over, once. With what is wrong with it, if anything is. */
  done(error?: string): void;
}

/** Makes calls over connections it keeps. */
export interface Caller {
  /** Begins a call and gives a way to cancel it. The answer is checked: its status, its text, its end. */
  call(model: string, listener: Listener): () => void;
  close(): Promise<void>;
}
