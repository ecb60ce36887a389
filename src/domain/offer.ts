import type { AcceleratorName } from './accelerators.ts';
import type { MicroUsdPerHour } from './money.ts';
import type { Pool, ProviderId } from './pool.ts';
import type { EpochMs } from './time.ts';

export type Architecture = 'x86_64' | 'arm64';

/**
 * `available`: the cloud lists the pool as buyable. `restricted`: the cloud says this account may not buy it.
 * Neither promises capacity; only a launch tells.
 */
export type Availability = 'available' | 'restricted';

/** What one machine counts against a quota of the account. A machine may count against several at once (Azure: three). */
export interface QuotaClaim {
  /** The `name` of a quota in the pool's region, or of a global one (region null). */
  readonly quota: string;
  readonly scope: 'region' | 'global';
  /** How much one machine uses, in the quota's own unit (vCPUs or accelerators). */
  readonly units: number;
}

/** A pool with price, availability and observation time; it goes stale. */
export interface Offer {
  readonly pool: Pool;
  /** The physical zone id where the cloud tells (AWS `use1-az6`); null otherwise. */
  readonly zonePhysicalId: string | null;
  readonly accelerator: AcceleratorName;
  /** Whole accelerators in one machine, ≥ 1. */
  readonly acceleratorCount: number;
  readonly vcpuCount: number;
  readonly memoryGiB: number;
  readonly architecture: Architecture;
  /** Price of one machine; always > 0 (a price ≤ 0 is quarantined before it becomes an offer). */
  readonly priceMicroUsdPerHour: MicroUsdPerHour;
  readonly availability: Availability;
  /** Machines free right now where the cloud tells (reservations); null = unknown. */
  readonly availableCount: number | null;
  readonly quotaClaims: readonly QuotaClaim[];
  /** Expected interruptions per machine-hour; 0 for on-demand and reserved. */
  readonly interruptionsPerHour: number;
  readonly observedAt: EpochMs;
}

/** A limit of the account at the cloud. `null` for limit or usage = the cloud does not tell; unknown is not zero. */
export interface Quota {
  readonly provider: ProviderId;
  /** Null for an account-wide quota. */
  readonly region: string | null;
  readonly name: string;
  readonly unit: 'vcpus' | 'accelerators' | 'machines';
  readonly limit: number | null;
  readonly usage: number | null;
}

/** One string per quota: `aws/us-east-1/L-DB2E81BA`; region `*` for an account-wide one. */
export function quotaKey(provider: ProviderId, region: string | null, name: string): string {
  return `${provider}/${region ?? '*'}/${name}`;
}

/** Units left of a quota: limit − usage − in flight, never below 0; null = unknown. */
export function headroomOf(quota: Quota, inFlightUnits: number): number | null {
  if (quota.limit === null || quota.usage === null) return null;
  return Math.max(0, quota.limit - quota.usage - inFlightUnits);
}
