/**
 * The spot market as one job sees it, in a few states: the best place to be had, by how long a run there is expected to last, or, when there is
 * none, how long there has been none.
 */

/** Mean residual lives, in seconds, that stand for the states in which there is spot. */
export const LIVES: readonly number[] = [900, 2700, 8100, 24_300, 72_900];
/** Lower ends, in seconds, of the ages of an outage. */
export const OUTAGE_EDGES: readonly number[] = [0, 900, 2700, 8100, 24_300];

export const UP_STATES = LIVES.length;
export const STATES = UP_STATES + OUTAGE_EDGES.length;

/** The state whose life is nearest in proportion. */
export function upState(life: number): number {
  let state = 0;
  while (state < UP_STATES - 1 && life * life > (LIVES[state] ?? 0) * (LIVES[state + 1] ?? 0)) state += 1;
  return state;
}

export function outageState(age: number): number {
  let state = OUTAGE_EDGES.length - 1;
  while (state > 0 && age < (OUTAGE_EDGES[state] ?? 0)) state -= 1;
  return UP_STATES + state;
}

export function isUp(state: number): boolean {
  return state < UP_STATES;
}

/** Where a life lies between two states, for values in between: `share` of the upper one. */
export function betweenStates(life: number): {
  readonly lower: number;
  readonly upper: number;
  readonly share: number;
} {
  const place = Math.log(life / (LIVES[0] ?? 1)) / Math.log((LIVES[1] ?? 1) / (LIVES[0] ?? 1));
  const lower = Math.min(Math.max(Math.floor(place), 0), UP_STATES - 1);
  const upper = Math.min(lower + 1, UP_STATES - 1);
  return { lower, upper, share: Math.min(Math.max(place - lower, 0), 1) };
}
