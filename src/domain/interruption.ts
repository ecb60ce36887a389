/**
 * What a cloud says of a machine it takes back. `notice`: it will be taken at a stated time. `risk`: it is at elevated risk, nothing is
 * decided. `taken`: it is gone already. `maintenance`: the cloud will stop or restart it.
 */
export const INTERRUPTION_KINDS = ['notice', 'risk', 'taken', 'maintenance'] as const;
export type InterruptionKind = (typeof INTERRUPTION_KINDS)[number];
