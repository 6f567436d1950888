/** What stands where a secret stood. */
const MASK = '[redacted]';

/** What keys and tokens look like, whoever's they are. Checked besides the known values. */
const PATTERNS = [
  /\b(?:sk|pk|rk|gsk|xai|pplx|AQVN|hf|nvapi|tgp|fw|csk|glpat|ghp)[-_][A-Za-z0-9_*.-]{6,}/g,
  /\bAIza[A-Za-z0-9_-]{10,}/g,
  // Those that this gateway makes for callers.
  /\bant_[A-Za-z0-9_-]{40,}/g,
  // The bound keeps the time linear: a text may have very many beginnings of such a token.
  /\beyJ[A-Za-z0-9_-]{8,1000}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g,
  // A token has a digit, a sign or a capital inside, or is long; "a bearer token" and "basic problems" are prose.
  /\b(?:[Bb]earer|BEARER|[Bb]asic|BASIC|[Aa]pi-[Kk]ey)\s+(?=[^\s"',;]*[\d+/=_~]|[^\s"',;]+[A-Z]|[^\s"',;]{20})[^\s"',;]{4,}/g,
  /\/\/[^/\s:@]*:[^/\s@]+@/g,
];

/** Shorter values are no keys, and masking them would mask ordinary words. */
const SHORTEST_SECRET = 6;

export type Redact = (text: string) => string;

/** So many are masked at once; the oldest are forgotten beyond that. */
const MOST_SECRETS = 1_000;

/** Masks what it was told of so far: keys change while what was said of the old ones is still on its way. */
export class LearningRedactor {
  #secrets: readonly string[] = [];
  #redact: Redact = redactor([]);

  constructor(secrets: readonly string[]) {
    this.learn(secrets);
  }

  learn(secrets: readonly string[]): void {
    this.#secrets = [...new Set([...secrets, ...this.#secrets])].slice(0, MOST_SECRETS);
    this.#redact = redactor(this.#secrets);
  }

  readonly redact: Redact = (text) => this.#redact(text);
}

/** Makes a function that masks the given values and anything that looks like a key. */
export function redactor(secrets: readonly string[]): Redact {
  const known = [...new Set(secrets)].filter((secret) => secret.length >= SHORTEST_SECRET);
  known.sort((a, b) => b.length - a.length);
  return (text) => {
    const masked = known.reduce((rest, secret) => rest.replaceAll(secret, MASK), text);
    return PATTERNS.reduce((rest, pattern) => rest.replace(pattern, MASK), masked);
  };
}
