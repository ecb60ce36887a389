import { createHash } from 'node:crypto';

/** What happened, in order: hashed for comparing runs, and kept for people where asked. */
export interface Trace {
  tell(line: string): void;
  count(what: string, by?: number): void;
  readonly counts: ReadonlyMap<string, number>;
  readonly lines: readonly string[];
  hash(): string;
}

export function createTrace(now: () => number, startedAt: number, keepsLines: boolean): Trace {
  const hash = createHash('sha256');
  const counts = new Map<string, number>();
  const lines: string[] = [];
  return {
    tell: (text) => {
      const line = `${((now() - startedAt) / 1000).toFixed(3)} ${text}`;
      hash.update(line).update('\n');
      if (keepsLines) lines.push(line);
    },
    count: (what, by = 1) => {
      counts.set(what, (counts.get(what) ?? 0) + by);
    },
    counts,
    lines,
    hash: () => hash.copy().digest('hex'),
  };
}
