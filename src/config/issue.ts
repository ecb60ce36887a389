/** A mistake in a document, wherever the document came from (YAML has lines and columns, JSON has pointers). */
export interface Issue {
  readonly path: readonly PropertyKey[];
  /** Whether the key itself is wrong, or the value behind it. */
  readonly at: 'key' | 'value';
  readonly message: string;
}

export type IssueResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issues: readonly Issue[] };

export function valueIssue(path: readonly PropertyKey[], message: string): Issue {
  return { path, at: 'value', message };
}

/** `spec.accelerators[1].count` */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += text === '' ? String(part) : `.${String(part)}`;
  }
  return text;
}

/** RFC 6901: `/spec/accelerators/1/count` */
export function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
