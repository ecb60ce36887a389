/** One page of a list. `next` is the cursor of the following page, null at the end. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export interface PageQuery {
  /** From a former page's `next`; null for the first. */
  readonly cursor: string | null;
  /** 1..500 */
  readonly limit: number;
}
