/** What may be left in a cloud with our owner tag and no lease: a machine, or a part that a machine or a failed launch left. */
export const LEFTOVER_KINDS = ['machine', 'disk', 'network-interface', 'address'] as const;
export type LeftoverKind = (typeof LEFTOVER_KINDS)[number];

/** `waiting`: younger than the grace period. `reported`: people were told, and decide. `removing`: the broker removes it. */
export const LEFTOVER_STATES = ['waiting', 'reported', 'removing'] as const;
export type LeftoverState = (typeof LEFTOVER_STATES)[number];

/** How a region answered a sweep. Only `complete` proves that nothing else is there. */
export const SWEEP_OUTCOMES = ['complete', 'partial', 'failed'] as const;
export type SweepOutcome = (typeof SWEEP_OUTCOMES)[number];

export const SWEEP_SUBJECTS = ['machines', 'leftovers'] as const;
export type SweepSubject = (typeof SWEEP_SUBJECTS)[number];
