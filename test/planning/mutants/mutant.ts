/** One wrong change to the planner, and the test that must notice it. */
export interface Mutant {
  /** In words: the planner that … */
  readonly what: string;
  /** Why it is a bug. */
  readonly why: string;
  /** Under `src/planning`. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly from: string;
  readonly to: string;
  /** A file under `test/planning`, and the title of the test in it. */
  readonly noticedBy: readonly [file: string, title: string];
}
