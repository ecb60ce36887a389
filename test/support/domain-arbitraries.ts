import fc from 'fast-check';
import { MARKETS, type Pool } from '../../src/domain/pool.ts';
import type { RefusalScope } from '../../src/domain/sold-out.ts';

/** Names as clouds spell them. Few and short, so that equal parts in unequal pools are common. */
export const cloudName = fc.constantFrom('a', 'b', 'a-b', 'us-east-1', 'us-east-1a', '1', 'p5.48xlarge', 'n1+t4x1');

export const market = fc.constantFrom(...MARKETS);

export const pool: fc.Arbitrary<Pool> = fc
  .record({
    provider: fc.constantFrom('aws', 'azure', 'gcp'),
    region: cloudName,
    zone: fc.option(cloudName),
    instanceType: cloudName,
    market,
    reservation: cloudName,
  })
  .map((parts) => ({ ...parts, reservation: parts.market === 'reserved' ? parts.reservation : null }));

export const refusalScope: fc.Arbitrary<RefusalScope> = fc.record({
  provider: fc.constantFrom('aws', 'azure', 'gcp'),
  region: fc.option(cloudName),
  zone: fc.option(cloudName),
  instanceType: fc.option(cloudName),
  market: fc.option(market),
  quota: fc.option(fc.constantFrom('cores', 'L-417A185B', 'NVIDIA_L4_GPUS')),
});
