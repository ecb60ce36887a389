import type { Story } from './story.ts';

/** Whether a story still goes wrong in the same way. */
export type StillFails = (story: Story) => Promise<boolean>;

/**
 * The same story with as little in it as still goes wrong: chunks of acts are left out, halves first, then single acts, for as long as that
 * helps (delta debugging: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002). `tries` bounds the work.
 */
export async function shrink(story: Story, stillFails: StillFails, tries: number): Promise<Story> {
  let smallest = story;
  let left = tries;
  if (story.farewell !== null && (await stillFails({ ...story, farewell: null })))
    smallest = { ...story, farewell: null };
  let chunk = Math.ceil(story.acts.length / 2);
  while (chunk >= 1 && left > 0) {
    let removed = false;
    for (let start = 0; start < smallest.acts.length && left > 0; ) {
      const acts = [...smallest.acts.slice(0, start), ...smallest.acts.slice(start + chunk)];
      const candidate = { ...smallest, acts };
      left -= 1;
      if (await stillFails(candidate)) {
        smallest = candidate;
        removed = true;
      } else start += chunk;
    }
    if (!removed || chunk > 1) chunk = chunk === 1 ? 0 : Math.floor(chunk / 2);
  }
  return smallest;
}

/** What distinguishes one way of going wrong from another: the words before the figures. */
export function kindOf(violation: string): string {
  return violation.split(/:|\d/)[0]?.trim() ?? violation;
}

export function clockText(ms: number): string {
  const seconds = (ms / 1000).toFixed(1).padStart(5, ' ');
  return `${seconds} s`;
}

/** Which acts are left, so that they can be replayed: `farewell` is the crash while everything is deleted. */
export function actIds({ acts, farewell }: Pick<Story, 'acts' | 'farewell'>): string {
  const ids = [...acts.map(({ id }) => id), ...(farewell === null ? [] : ['farewell'])];
  return ids.length === 0 ? 'none' : ids.join(',');
}
