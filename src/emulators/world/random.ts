/**
 * Randomness without state: a draw is a function of (seed, key, step), so any hour of any pool can be asked for in any
 * order and always gives the same answer. 32-bit FNV-1a over the key, mixed by the finaliser of MurmurHash3 (public domain).
 */

function mixed(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** One stream of draws per seed and key. */
export function streamOf(seed: number, key: string): number {
  let hash = 0x811c9dc5 ^ mixed(seed);
  for (let index = 0; index < key.length; index += 1) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  return mixed(hash);
}

/** Uniform in [0, 1): draw number `step` (any integer, negative too) of the stream. */
export function uniformAt(stream: number, step: number): number {
  const high = mixed(stream ^ mixed(Math.imul(step, 0x9e3779b1) + 0x7f4a7c15));
  return mixed(high + Math.imul(step, 0x2545f491)) / 0x1_0000_0000;
}

/**
 * Value noise in [-1, 1] of one octave: uniform values every `period` steps, joined by smoothstep. Correlated over about a
 * period, without memory beyond the two neighbouring values.
 */
export function noiseAt(stream: number, step: number, period: number): number {
  const knot = Math.floor(step / period);
  const between = step / period - knot;
  const weight = between * between * (3 - 2 * between);
  const left = uniformAt(stream, knot) * 2 - 1;
  const right = uniformAt(stream, knot + 1) * 2 - 1;
  return left + (right - left) * weight;
}
