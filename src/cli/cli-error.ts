/** What the program tells the shell. Documented in docs/api.md. */
export const EXIT = {
  ok: 0,
  /** The broker refused, or failed. */
  failed: 1,
  /** The command line or a file is wrong. */
  usage: 2,
  /** No broker answers. */
  unreachable: 3,
} as const;

/** A failure for people: what happened, and what to do next. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;
  readonly advice: string | null;
  constructor(exitCode: number, message: string, advice: string | null = null) {
    super(message);
    this.exitCode = exitCode;
    this.advice = advice;
  }
}
