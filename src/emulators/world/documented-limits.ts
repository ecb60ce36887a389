import type { RateLimitRule } from './rate-limits.ts';

/**
 * The API rate limits that the clouds document, by the buckets that the fronts name in their labels. In `gpu-broker clouds` they are on
 * unless `--no-rate-limits` is given; tests set their own.
 *
 * - aws: per account, region and action; "Request throttling for the Amazon EC2 API": non-mutating actions 100 tokens, 20 a second; the resource
 *   bucket of RunInstances, 1000 and 2 a second, here drawn on by the request and not by the machine; TerminateInstances 1000 and 20
 *   (excerpts of that page; the last figures could not be checked).
 * - azure: per subscription and region; Compute throttling limits: writes of virtual machines 1500, 500 a minute; cheap reads 24000,
 *   8000 a minute.
 * - gcp: per project and group of methods; Compute Engine rate quotas: 1500 a minute in each.
 * - lambda: per account; Lambda Cloud API reference 1.10.0: one request a second, one launch in 12 seconds or five a minute (here per
 *   region, as buckets are).
 */
export const DOCUMENTED_LIMITS: readonly RateLimitRule[] = [
  { cloud: 'aws', bucket: 'Describe*', capacity: 100, refillPerSecond: 20 },
  { cloud: 'aws', bucket: 'RunInstances', capacity: 1000, refillPerSecond: 2 },
  { cloud: 'aws', bucket: 'TerminateInstances', capacity: 1000, refillPerSecond: 20 },
  { cloud: 'azure', bucket: 'PutVM', capacity: 1500, refillPerSecond: 500 / 60 },
  { cloud: 'azure', bucket: 'DeleteVM', capacity: 1500, refillPerSecond: 500 / 60 },
  { cloud: 'azure', bucket: 'LowCostGet', capacity: 24_000, refillPerSecond: 8_000 / 60 },
  { cloud: 'gcp', bucket: '*-requests', capacity: 1500, refillPerSecond: 25 },
  { cloud: 'lambda', bucket: 'requests', capacity: 1, refillPerSecond: 1 },
  { cloud: 'lambda', bucket: 'launch', capacity: 1, refillPerSecond: 1 / 12 },
];
