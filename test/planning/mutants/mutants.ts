import { MOVING_MUTANTS } from './moving-mutants.ts';
import type { Mutant } from './mutant.ts';
import { PLACING_MUTANTS } from './placing-mutants.ts';
import { RULE_MUTANTS } from './rule-mutants.ts';
import { SEARCH_MUTANTS } from './search-mutants.ts';
import { SESSION_MUTANTS } from './session-mutants.ts';

/** All that the planner's tests are held to. */
export const MUTANTS: readonly Mutant[] = [
  ...RULE_MUTANTS,
  ...PLACING_MUTANTS,
  ...SEARCH_MUTANTS,
  ...MOVING_MUTANTS,
  ...SESSION_MUTANTS,
];
