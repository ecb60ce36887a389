import type { EpochMs } from '../../domain/time.ts';
import { globMatches } from '../../domain/workload.ts';
import type { CloudId } from './contract.ts';

export interface RateLimit {
  /** Requests that a rested bucket lets through at once. */
  readonly capacity: number;
  readonly refillPerSecond: number;
}

export interface RateLimits {
  set(cloud: CloudId, bucket: string, limit: RateLimit | null): void;
  /** Takes a token; false = over the limit. True where no limit matches. */
  take(target: { readonly cloud: CloudId; readonly bucket: string; readonly region: string | null }): boolean;
}

interface Bucket {
  tokens: number;
  filledAt: EpochMs;
}

/** Token buckets in world time, one per bucket name and region, as the clouds keep them. */
export function createRateLimits(now: () => EpochMs): RateLimits {
  const limits = new Map<CloudId, Map<string, RateLimit>>();
  const buckets = new Map<string, Bucket>();

  return {
    set(cloud, bucket, limit) {
      if (limit !== null && !(limit.capacity >= 1 && limit.refillPerSecond >= 0))
        throw new RangeError('a rate limit has a capacity ≥ 1 and a refill ≥ 0 per second');
      const ofCloud = limits.get(cloud) ?? new Map<string, RateLimit>();
      limits.set(cloud, ofCloud);
      if (limit === null) ofCloud.delete(bucket);
      else ofCloud.set(bucket, limit);
      for (const key of buckets.keys()) if (key.startsWith(`${cloud}/`)) buckets.delete(key);
    },
    take({ cloud, bucket, region }) {
      const limit = [...(limits.get(cloud) ?? [])].find(([pattern]) => globMatches(pattern, bucket))?.[1];
      if (limit === undefined) return true;
      const key = `${cloud}/${region ?? '*'}/${bucket}`;
      const at = now();
      const held = buckets.get(key) ?? { tokens: limit.capacity, filledAt: at };
      buckets.set(key, held);
      const refilled = held.tokens + ((at - held.filledAt) / 1000) * limit.refillPerSecond;
      held.tokens = Math.min(limit.capacity, refilled);
      held.filledAt = at;
      if (held.tokens < 1) return false;
      held.tokens -= 1;
      return true;
    },
  };
}
