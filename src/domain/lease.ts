/** Our claim on one machine. `gone` and `failed` are final; `lost` means that the cloud denies a machine we had. */
export const LEASE_STATES = [
  'planned',
  'launching',
  'starting',
  'ready',
  'draining',
  'terminating',
  'gone',
  'lost',
  'failed',
] as const;
export type LeaseState = (typeof LEASE_STATES)[number];

/**
 * The only moves a lease may make. `planned → failed`: given up before anything was sent.
 * `launching → terminating`: unwanted while the launch's outcome is unknown, so it must be looked up and ended.
 * `launching|starting → failed`: the cloud proved that no machine came of it.
 * `lost → terminating`: what is left of the machine (disks, NICs, IPs) is removed before the lease is `gone`.
 */
export const LEASE_TRANSITIONS: Readonly<Record<LeaseState, readonly LeaseState[]>> = {
  planned: ['launching', 'failed'],
  launching: ['starting', 'terminating', 'failed'],
  starting: ['ready', 'draining', 'terminating', 'lost', 'failed'],
  ready: ['draining', 'terminating', 'lost'],
  draining: ['terminating', 'lost'],
  terminating: ['gone'],
  lost: ['terminating', 'gone'],
  gone: [],
  failed: [],
};

export function mayTransition(from: LeaseState, to: LeaseState): boolean {
  return LEASE_TRANSITIONS[from].includes(to);
}

/** Final states: nothing exists or can exist at the cloud any more. */
export function isFinal(state: LeaseState): boolean {
  return LEASE_TRANSITIONS[state].length === 0;
}

/** States in which the lease serves, or will serve, its workload: these count as placed. */
export function isServing(state: LeaseState): boolean {
  return state === 'planned' || state === 'launching' || state === 'starting' || state === 'ready';
}
