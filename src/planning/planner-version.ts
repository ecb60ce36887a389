import manifest from '../../package.json' with { type: 'json' };
import { SOLVER } from './solver.ts';

/** Raised when the same input may give another plan on purpose: a rule's meaning, the order of ties, the limit on work. */
export const PLANNING_MEANING = 4;

/** Names everything that a plan depends on besides its input: this program, its solver, and what its planning means. */
export const PLANNER_VERSION = `gpu-broker ${manifest.version}, ${SOLVER}, meaning ${PLANNING_MEANING}`;

/** The solver's random seed. It never changes, so that a plan depends on its input alone. */
export const PLANNER_SEED = 0;
