import type { Subject } from './subject.ts';

/** One sentence of the provider contract and how to see whether an adapter keeps it. */
export interface Sentence {
  readonly title: string;
  readonly check: (subject: Subject) => Promise<void>;
}

export type SentenceList = readonly Sentence[];

/** Throws where two sentences have one title: an exemption could not tell them apart. */
export function titlesOf(lists: readonly SentenceList[]): readonly string[] {
  const titles = lists.flatMap((list) => list.map(({ title }) => title));
  const repeated = titles.find((title, index) => titles.indexOf(title) !== index);
  if (repeated !== undefined) throw new Error(`two sentences are called "${repeated}"`);
  return titles;
}
