import type { EpochMs } from '../../domain/time.ts';
import { globMatches } from '../../domain/workload.ts';
import type { CloudId } from './market-facts.ts';

export interface RateLimit {
  /** Requests that a rested bucket lets through at once. */
  readonly capacity: number;
  readonly refillPerSecond: number;
}

/** A limit and the buckets it is for. */
export interface RateLimitRule extends RateLimit {
  readonly cloud: CloudId;
  /** Glob over `RequestLabel.bucket`. */
  readonly bucket: string;
}

export interface RateLimits {
  /** Replaces the limit of the same glob; its buckets start full. Of several limits that match a bucket, the one set last is in force. Throws RangeError for impossible numbers. */
  set(cloud: CloudId, bucket: string, limit: RateLimit | null): void;
  /** Every limit, in the order in which they were set. */
  list(): readonly RateLimitRule[];
  /** Takes a token; false = over the limit. True where no limit matches. */
  take(target: { readonly cloud: CloudId; readonly bucket: string; readonly region: string | null }): boolean;
}

/** A bucket counts in thousandths of a token, of which `refillPerSecond` come with each millisecond: whole rates count exactly. */
interface Bucket {
  thousandths: number;
  filledAt: EpochMs;
}

const TOKEN = 1000;
/** What the sums of a rate that is no whole number may lose. */
const TOLERANCE = 1e-6;

interface Limit {
  readonly rule: RateLimitRule;
  /** By region and bucket name. */
  readonly buckets: Map<string, Bucket>;
}

function check({ capacity, refillPerSecond }: RateLimit): void {
  if (!(Number.isFinite(capacity) && capacity >= 1 && Number.isFinite(refillPerSecond) && refillPerSecond >= 0))
    throw new RangeError('a rate limit has a capacity ≥ 1 and a refill ≥ 0 per second');
}

/** Token buckets in world time, one per bucket name and region, as the clouds keep them. */
export function createRateLimits(now: () => EpochMs): RateLimits {
  let limits: readonly Limit[] = [];

  return {
    set(cloud, bucket, limit) {
      if (limit !== null) check(limit);
      const others = limits.filter(({ rule }) => rule.cloud !== cloud || rule.bucket !== bucket);
      const { capacity = 0, refillPerSecond = 0 } = limit ?? {};
      const added = { rule: { cloud, bucket, capacity, refillPerSecond }, buckets: new Map<string, Bucket>() };
      limits = limit === null ? others : [...others, added];
    },
    list: () => limits.map(({ rule }) => rule),
    take({ cloud, bucket, region }) {
      const limit = limits.findLast(({ rule }) => rule.cloud === cloud && globMatches(rule.bucket, bucket));
      if (limit === undefined) return true;
      const { capacity, refillPerSecond } = limit.rule;
      const key = `${region ?? '*'}/${bucket}`;
      const at = now();
      const held = limit.buckets.get(key) ?? { thousandths: capacity * TOKEN, filledAt: at };
      limit.buckets.set(key, held);
      held.thousandths = Math.min(capacity * TOKEN, held.thousandths + (at - held.filledAt) * refillPerSecond);
      held.filledAt = at;
      if (held.thousandths < TOKEN - TOLERANCE) return false;
      held.thousandths -= TOKEN;
      return true;
    },
  };
}
