/** What the clouds sell and how they behave: the shape of `market/<cloud>.json`. */
import type { Architecture } from '../../domain/offer.ts';

export const CLOUD_IDS = ['aws', 'azure', 'gcp', 'lambda'] as const;

export type CloudId = (typeof CLOUD_IDS)[number];

export type WorldMarket = 'on-demand' | 'spot';

/** Where a fact comes from and of which day it is. */
export interface FactSource {
  readonly what: string;
  readonly source: string;
  /** YYYY-MM-DD */
  readonly date: string;
}

export interface ZoneFact {
  /** The cloud's zone name: `us-east-1a`, `1`, `us-central1-a`. */
  readonly name: string;
  /** `use1-az6` where the cloud tells one; null otherwise. */
  readonly physicalId: string | null;
}

export interface RegionFact {
  readonly name: string;
  /** The display name used by price lists: `US East (N. Virginia)`, `US East`, `us-central1`. */
  readonly displayName: string;
  /** `na`, `eu`, `ap`, `sa`: drives the daily price rhythm only. */
  readonly area: string;
  readonly zones: readonly ZoneFact[];
}

export interface QuotaClaimFact {
  /** The cloud's own quota name or code: `L-417A185B`, `StandardNCADSA100v4Family`, `NVIDIA_H100_GPUS`. */
  readonly quota: string;
  readonly scope: 'region' | 'global';
  readonly units: number;
}

export interface InstanceTypeFact {
  readonly name: string;
  /** Canonical accelerator name of `domain/accelerators.ts`. */
  readonly accelerator: string;
  readonly acceleratorCount: number;
  /** The cloud's own spelling of the GPU: `H100`, `nvidia-h100-80gb`; null where its API does not tell (Azure). */
  readonly vendorGpuName: string | null;
  /** Memory of one GPU as the cloud's API reports it. */
  readonly gpuMemoryMiB: number;
  readonly vcpus: number;
  readonly memoryGiB: number;
  readonly architecture: Architecture;
  readonly localSsdGiB: number;
  readonly markets: readonly WorldMarket[];
  readonly quotaClaims: Readonly<Record<WorldMarket, readonly QuotaClaimFact[]>>;
  /** The cloud's own name of the family: `p5`, `standardNDSH100v5Family`, `a3`. */
  readonly family: string;
}

export interface QuotaFact {
  readonly name: string;
  readonly scope: 'region' | 'global';
  readonly unit: 'vcpus' | 'accelerators' | 'machines';
  /** The name people see: `Running On-Demand P instances`. */
  readonly displayName: string;
  /** The limit the emulated account starts with, per region or globally. */
  readonly defaultLimit: number;
}

/** How a cloud behaves, beside what it sells. What is documented by the cloud has its source in `sources`; the rest is our choice. */
export interface BehaviourFacts {
  /** Seconds from a spot notice to the stop; null where it sells no spot. */
  readonly spotNoticeSeconds: number | null;
  /** From accepted to running (and to asynchronous failure), in world time. */
  readonly launchLatencyMs: number;
  /** One spot price per zone (AWS) or for the whole region. */
  readonly spotPricePer: 'zone' | 'region';
  /** What shares one spot discount: a machine type, or all sizes with one GPU model (where the price list prices components). */
  readonly spotDiscountPer: 'instance-type' | 'accelerator';
  /** Swing of the spot price around its mean, as a share of the mean. */
  readonly spotVolatility: number;
  /** Where a machine's name is unique while anything of it is left; null where the cloud has no names. */
  readonly namesUniqueIn: 'region' | 'zone' | null;
}

/** `src/emulators/world/market/<cloud>.json`: our own compact table of facts, each with date and source named. */
export interface MarketFacts {
  readonly cloud: CloudId;
  readonly behaviour: BehaviourFacts;
  readonly sources: readonly FactSource[];
  readonly regions: readonly RegionFact[];
  readonly instanceTypes: readonly InstanceTypeFact[];
  readonly quotas: readonly QuotaFact[];
  /** List price of one machine in USD per hour, as decimal text: region → instance type → price. A type not priced in a region is not sold there. */
  readonly listPricesUsd: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Zones in which a type is offered, region → instance type → zone names. Missing = in every zone of the region. */
  readonly zonesOffering: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  /** Anything only this cloud's front needs (GCP: SKU component prices). */
  readonly extra?: unknown;
}
