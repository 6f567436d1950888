import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seeded } from '../routing/routes.ts';
import { recordingsDir } from '../support/recordings.ts';
import { marksOf } from './half-answers-marks.ts';
import { fixtureStreams, type RecordedStream, recordedStreams } from './half-answers-recorded.ts';
import { type Elsewhere, HEALTHY, type Heard, type Piece, type Scene, setScene } from './half-answers-scene.ts';
import { type Cut, endings, isClean, isReset } from './half-answers-upstream.ts';

/** The same again: HALF_ANSWERS_SEED=... */
const seed = Number(process.env.HALF_ANSWERS_SEED ?? Date.now() % 2 ** 31);

const CUTS = 50;
/** So many at once: most of the time is spent in waiting. */
const AT_ONCE = 10;
/** A quarter of the cuts is shown to such callers too. */
const elsewheres: readonly Elsewhere[] = ['before it has begun', 'also anew'];

const fixtures = fixtureStreams();
const recordings = recordedStreams();
const streams = [...fixtures, ...recordings];

let scene: Scene;
const counts = { cuts: 0, whole: 0, restarts: 0 };

beforeAll(async () => {
  scene = await setScene(streams);
});

afterAll(async () => {
  await scene.close();
  const skipped = recordingsDir === undefined ? '; the recordings are skipped: RECORDINGS_DIR is not set' : '';
  const { cuts, whole, restarts } = counts;
  const told = `${cuts} answers cut, ${whole} of them after their end; ${restarts} begun anew`;
  process.stdout.write(`${told}; HALF_ANSWERS_SEED=${seed}${skipped}\n`);
});

interface ShownCut extends Cut {
  /** It is also shown to a caller whom another provider may answer. */
  readonly elsewhere: Elsewhere | undefined;
}

/** Where an answer says that it is whole, and what it says after that. */
const TAIL_BYTES = 256;

/** Anywhere; every fifth near the end. */
function cutsOf({ bytes }: RecordedStream, chance: () => number): ShownCut[] {
  return Array.from({ length: CUTS }, (_, i): ShownCut => {
    const range = i % 5 === 0 ? Math.min(TAIL_BYTES, bytes.length) : bytes.length;
    const at = bytes.length - 1 - Math.floor(chance() * range);
    const ending = endings[i % endings.length] ?? 'chunked, closed';
    return { bytes, at, ending, waitMs: chance() * 3, elsewhere: elsewheres[Math.floor(chance() * 8)] };
  });
}

/** Whether this is how the other begins: no part is missing or doubled, and only the last text may be unfinished. */
function isBeginning(pieces: readonly Piece[], whole: readonly Piece[]): boolean {
  return pieces.every(({ kind, text, call }, i) => {
    const other = whole[i];
    const mayGrow = kind === 'toolCall' || i === pieces.length - 1;
    if (other?.kind !== kind || other.call !== call) return false;
    return mayGrow ? other.text.startsWith(text) : other.text === text;
  });
}

/** What must hold of a part of an answer, by where the answer says itself that it is whole. */
class Law {
  readonly #whole: Heard;
  readonly #marks: ReturnType<typeof marksOf>;

  constructor({ bytes, protocol }: RecordedStream, whole: Heard) {
    this.#whole = whole;
    this.#marks = marksOf(bytes, protocol);
  }

  mayBeWhole({ at }: Cut): boolean {
    return at >= this.#marks.end;
  }

  mustBeWhole(cut: Cut): boolean {
    const { at, ending } = cut;
    if (this.#whole.error || !this.mayBeWhole(cut) || isReset(ending)) return false;
    return isClean(ending) || at >= this.#marks.last;
  }

  /** Of a caller whom no other provider may answer. */
  check(cut: Cut, { pieces, error, asked }: Heard): void {
    expect([1, 2]).toContain(asked);
    expect(isBeginning(pieces, this.#whole.pieces), 'it is the beginning of the answer').toBe(true);
    if (!this.mayBeWhole(cut)) expect(error, 'a clean end').toBeDefined();
    if (this.mustBeWhole(cut)) expect(error, 'an answer that is whole').toBeUndefined();
    if (error) expect(error.errorInfo?.reason).toMatch(/^(UPSTREAM|CONTENT|CONTEXT)_/);
    else expect(pieces).toEqual(this.#whole.pieces);
  }

  /** Of a caller whom another provider may answer. */
  checkElsewhere(cut: Cut, { pieces, error, restarts, provider }: Heard, elsewhere: Elsewhere): void {
    const isAnew = elsewhere === 'also anew';
    expect(restarts).toBeLessThanOrEqual(isAnew ? 1 : 0);
    if (error) {
      // There are errors that an answer itself reports after which no other provider is asked.
      const mayFail = this.#whole.error !== undefined || (!isAnew && pieces.length > 0);
      expect(mayFail, `no answer from elsewhere: ${error.message}`).toBe(true);
      expect(isBeginning(pieces, this.#whole.pieces), 'it is the beginning of the answer').toBe(true);
    } else if (provider === 'spare') {
      expect(this.mustBeWhole(cut), 'an answer that is whole').toBe(false);
      expect(pieces).toEqual(HEALTHY);
    } else {
      expect(this.mayBeWhole(cut), 'a clean end').toBe(true);
      expect(restarts).toBe(0);
      expect(pieces).toEqual(this.#whole.pieces);
    }
  }
}

async function checkStream(stream: RecordedStream): Promise<void> {
  const { bytes } = stream;
  const whole: Cut = { bytes, at: bytes.length, ending: 'until closed, closed', waitMs: 0 };
  const law = new Law(stream, await scene.hear(stream, whole));
  const cuts = cutsOf(stream, seeded(seed + streams.indexOf(stream)));
  const checkNext = async (): Promise<void> => {
    for (let cut = cuts.pop(); cut; cut = cuts.pop()) {
      try {
        const heard = await scene.hear(stream, cut);
        law.check(cut, heard);
        counts.cuts++;
        if (!heard.error) counts.whole++;
        if (!cut.elsewhere) continue;
        const other = await scene.hear(stream, cut, cut.elsewhere);
        law.checkElsewhere(cut, other, cut.elsewhere);
        counts.restarts += other.restarts;
      } catch (error) {
        const where = `${cut.at} of ${bytes.length} bytes, ${cut.ending}`;
        throw new Error(`HALF_ANSWERS_SEED=${seed}: ${where}`, { cause: error });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, checkNext));
}

const named = (those: readonly RecordedStream[]) => those.map((stream) => [stream.name, stream] as const);

describe('an answer that is cut is never taken for a whole one, and nothing of it comes twice', () => {
  it.each(named(fixtures))('fixture %s', (_, stream) => checkStream(stream));

  it.skipIf(recordings.length === 0).each(named(recordings))('recording %s', (_, stream) => checkStream(stream));
});
