/** One page of a list. `next` is the cursor of the following page, null at the end. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export interface PageQuery {
  /** A former page's `next`; null for the first page. */
  readonly cursor: string | null;
  /** ≥ 1 */
  readonly limit: number;
}

/** Makes a page of rows that were read with a limit of one more than asked for: that one tells whether there is a next page. */
export function pageOf<T>(rows: readonly T[], limit: number, keyOf: (item: T) => string): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rows.length > limit && last !== undefined ? keyOf(last) : null };
}
