/** Shares (0..1) of the total of the positive amounts by key, largest first, ties by key. Empty when there are none. */
export function sharesOf(amounts: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const positive = [...amounts].filter(([, amount]) => amount > 0);
  let total = 0;
  for (const [, amount] of positive) total += amount;
  const entries = positive.map(([key, amount]) => [key, amount / total] as const);
  entries.sort(([keyA, a], [keyB, b]) => b - a || (keyA < keyB ? -1 : 1));
  return new Map(entries);
}

/**
 * Herfindahl–Hirschman index: the sum of squared shares, 1/n..1 over n equal holders; 0 for an empty fleet.
 * Source: Hirschman (1964), "The Paternity of an Index".
 */
export function concentrationOf(amounts: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const share of sharesOf(amounts).values()) sum += share * share;
  return Math.min(1, sum);
}

/** 1 / concentration: how many equal providers the fleet is as diverse as; 0 for an empty fleet. */
export function effectiveCount(amounts: ReadonlyMap<string, number>): number {
  const concentration = concentrationOf(amounts);
  return concentration === 0 ? 0 : 1 / concentration;
}
