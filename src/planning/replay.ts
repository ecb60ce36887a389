import type { Plan } from '../domain/plan.ts';
import type { PlanRecord, Replay, ReplayDifference } from '../domain/plan-analysis.ts';
import { PLANNER_VERSION } from './planner-version.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const MOST_DIFFERENCES = 50;
const LONGEST_VALUE = 200;

/**
 * Compares a plan made again from a record's input with the recorded one, byte for byte. The store keeps objects, not the order of
 * their keys, so both are written with sorted keys first; the order of lists counts.
 */
export function compareReplay(record: Omit<PlanRecord, 'input'>, replayed: Plan): Replay {
  const before = jsonOf(record.plan);
  const after = jsonOf(replayed);
  const isEqual = canonicalText(before) === canonicalText(after);
  const differences: ReplayDifference[] = [];
  if (!isEqual) collect(before, after, '', differences);
  return {
    planId: record.planId,
    isEqual,
    recordedVersion: record.plannerVersion,
    plannerVersion: PLANNER_VERSION,
    seed: record.seed,
    differenceCount: differences.length,
    differences: differences.slice(0, MOST_DIFFERENCES),
  };
}

/** The value as a reader of the stored JSON sees it. */
function jsonOf(plan: Plan): Json {
  const value: Json = JSON.parse(JSON.stringify(plan));
  return value;
}

/** JSON with sorted keys: one text for one value. */
export function canonicalText(value: Json): string {
  if (isList(value)) return `[${value.map(canonicalText).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonicalText(field)}`).join(',')}}`;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isFields(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function collect(before: Json | undefined, after: Json | undefined, pointer: string, found: ReplayDifference[]): void {
  const both = parts(before, after);
  if (both !== null) {
    for (const [key, from, to] of both) collect(from, to, `${pointer}/${escaped(key)}`, found);
    return;
  }
  if (textOf(before) === textOf(after)) return;
  found.push({ pointer, recorded: shortened(textOf(before)), replayed: shortened(textOf(after)) });
}

/** The members of two lists or of two objects, side by side; null where they are not both of one kind. */
function parts(
  before: Json | undefined,
  after: Json | undefined,
): readonly (readonly [string, Json | undefined, Json | undefined])[] | null {
  if (before === undefined || after === undefined) return null;
  if (isList(before) && isList(after)) {
    const longest = before.length > after.length ? before : after;
    return longest.map((_, index) => [String(index), before[index], after[index]]);
  }
  if (!isFields(before) || !isFields(after)) return null;
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
  return keys.map((key) => [key, before[key], after[key]]);
}

function textOf(value: Json | undefined): string | null {
  return value === undefined ? null : canonicalText(value);
}

function shortened(text: string | null): string | null {
  return text === null || text.length <= LONGEST_VALUE ? text : `${text.slice(0, LONGEST_VALUE)}…`;
}

/** RFC 6901. */
function escaped(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}
