/**
 * A number between 0 and 1, both excluded, that is always the same for the same text and otherwise as good as chance.
 * No secret, and easy to aim at: not for anything that an attacker must not foresee.
 *
 * It is FNV-1a over UTF-16 units (http://www.isthe.com/chongo/tech/comp/fnv/), whose high bits hardly change with the
 * last ones of a text, and then the finalizer of MurmurHash3 (https://github.com/aappleby/smhasher), which mends that.
 */
export const hashedChance = (text: string): number => (mixed(fnv1a(text)) + 0.5) / 2 ** 32;

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

function mixed(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
  return (twice ^ (twice >>> 16)) >>> 0;
}
