import type { AcceleratorName } from './accelerators.ts';
import type { MicroUsdPerHour } from './money.ts';
import type { Market, ProviderId } from './pool.ts';

/** One way to satisfy a replica: so many accelerators of one model. Alternatives are equals but for price and throughput. */
export interface AcceleratorChoice {
  readonly accelerator: AcceleratorName;
  /** Accelerators one replica needs, ≥ 1. */
  readonly count: number;
  /** Accelerators that each machine must have, for work whose parts must sit in one machine; null = any machine that fits. */
  readonly perMachine: number | null;
  /** Work done per hour relative to the other choices, > 0; cost is ranked per unit of work. */
  readonly throughput: number;
}

/** What to boot; the same cloud-init on all clouds. */
export interface ContainerSpec {
  readonly image: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Data that every machine of a workload reads from where it lies. */
export interface DataSource {
  /** `provider` or `provider:region`: machines there read for nothing. */
  readonly home: string;
  /** Gigabytes that one machine reads for an hour of work, ≥ 0. */
  readonly gbPerHour: number;
}

/** What a team wants running. Rules here tighten the policy for this workload, never loosen it. */
export interface WorkloadSpec {
  readonly name: string;
  readonly team: string;
  readonly replicas: number;
  readonly accelerators: readonly AcceleratorChoice[];
  /** Markets this workload accepts. */
  readonly markets: readonly Market[];
  /** Patterns `provider:region` with `*`; null = no limit of its own. */
  readonly regions: readonly string[] | null;
  readonly providers: readonly ProviderId[] | null;
  /** The most one replica may cost; null = no limit of its own. */
  readonly maxPriceMicroUsdPerHour: MicroUsdPerHour | null;
  /** Share (0..1) of the replicas that must outlive the loss of any one provider; null = the policy's. */
  readonly keepShare: number | null;
  /** Null = nothing that costs egress. */
  readonly data: DataSource | null;
  /** A protected workload is never moved by a rebalance. */
  readonly isProtected: boolean;
  readonly architecture: 'x86_64' | 'arm64';
  /** Higher is placed first when not all fit; 0 by default. */
  readonly priority: number;
  readonly container: ContainerSpec | null;
  /** Raw cloud-init user data instead of a container; at most one of the two. */
  readonly userData: string | null;
}

export type WorkloadState = 'pending' | 'placed' | 'held' | 'deleting' | 'deleted';

/** Whether the pattern (`aws:us-*`, `azure:*us*`) names the region. `*` stands for any run of characters. */
export function matchesRegionPattern(pattern: string, provider: ProviderId, region: string): boolean {
  return globMatches(pattern, `${provider}:${region}`);
}

/** Plain glob: `*` is any run of characters, everything else literal. Linear in practice, no regular expression from user input. */
export function globMatches(pattern: string, text: string): boolean {
  const parts = pattern.split('*');
  const first = parts[0] ?? '';
  if (parts.length === 1) return pattern === text;
  const last = parts.at(-1) ?? '';
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
  let position = first.length;
  const end = text.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, position);
    if (found < 0 || found + part.length > end) return false;
    position = found + part.length;
  }
  return true;
}
