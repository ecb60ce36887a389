/** One mistake in a file an operator or user wrote, at the place where it is to be mended. */
export interface ConfigError {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based, in characters. */
  readonly column: number;
  /** `spec.diversification.maxShare.provider`; empty for the whole document. */
  readonly path: string;
  readonly message: string;
}

export type ConfigResult<T> =
  | { readonly ok: true; readonly value: T }
  /** At least one error, in the order of the file. */
  | { readonly ok: false; readonly errors: readonly ConfigError[] };

/** `policies/default.yaml:9:17 spec.diversification.maxShare.provider: 1.5 is too large; allowed: a share from 0 to 1` */
export function formatConfigError(error: ConfigError): string {
  const place = `${error.file}:${error.line}:${error.column}`;
  return error.path === '' ? `${place} ${error.message}` : `${place} ${error.path}: ${error.message}`;
}

export function compareConfigErrors(a: ConfigError, b: ConfigError): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}
