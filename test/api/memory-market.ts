import {
  type BrokerService,
  type OfferView,
  type Page,
  type PageQuery,
  type PriceHistoryView,
  type ProviderView,
  type QuarantinedPriceView,
  ServiceError,
} from '../../src/broker/service.ts';
import { poolKey } from '../../src/domain/pool.ts';
import { poolScope } from '../../src/domain/sold-out.ts';
import type { EpochMs } from '../../src/domain/time.ts';
import { MemoryRebalances } from './memory-rebalances.ts';
import { AT, OFFERS, paged, pool, QUARANTINED } from './memory-samples.ts';

/** What providers offer, and how they are. */
export class MemoryMarket extends MemoryRebalances {
  async listOffers(filter: Parameters<BrokerService['listOffers']>[0], page: PageQuery): Promise<Page<OfferView>> {
    const matches = OFFERS.filter(
      (candidate) =>
        (filter.provider ?? candidate.pool.provider) === candidate.pool.provider &&
        (filter.region ?? candidate.pool.region) === candidate.pool.region &&
        (filter.accelerator ?? candidate.accelerator) === candidate.accelerator &&
        (filter.market ?? candidate.pool.market) === candidate.pool.market,
    );
    return paged(matches, page);
  }

  async listQuarantinedPrices(
    filter: { readonly provider: string | null },
    page: PageQuery,
  ): Promise<Page<QuarantinedPriceView>> {
    const matches = QUARANTINED.filter(({ pool: of }) => filter.provider === null || filter.provider === of.provider);
    return { items: matches.slice(0, page.limit), next: null };
  }

  async acceptPrice(key: string): Promise<QuarantinedPriceView> {
    const found = QUARANTINED.find(({ pool: of }) => poolKey(of) === key);
    if (found === undefined) throw new ServiceError('price-not-quarantined', `No price of "${key}" is in quarantine`);
    if (found.priceMicroUsdPerHour === null) throw new ServiceError('price-unreadable', 'There is nothing to accept');
    return found;
  }

  async getPriceHistory(key: string, since: EpochMs): Promise<PriceHistoryView> {
    const current = OFFERS.find(({ pool: of }) => poolKey(of) === key);
    if (current === undefined) throw new ServiceError('pool-not-found', `No pool "${key}" is known`);
    const points = [50_000_000, 60_500_000, 55_040_000].map((priceMicroUsdPerHour, day) => ({
      observedAt: AT - (3 - day) * 86_400_000,
      priceMicroUsdPerHour,
      availability: 'available' as const,
    }));
    return { pool: key, current, points: points.filter(({ observedAt }) => observedAt >= since) };
  }

  async listProviders(): Promise<readonly ProviderView[]> {
    return [
      {
        id: 'aws',
        health: 'degraded',
        healthReason: 'us-west-2 was not read',
        regions: [
          {
            region: 'us-east-1',
            offerCount: 2,
            observedAt: AT,
            error: null,
            failureCount: 0,
            retryAt: null,
            quotasObservedAt: AT,
          },
          {
            ...{ region: 'us-west-2', offerCount: 0, observedAt: null, error: 'RequestLimitExceeded' },
            ...{ failureCount: 3, retryAt: AT + 80_000, quotasObservedAt: null },
          },
        ],
        quotas: [
          {
            ...{ provider: 'aws', region: 'us-east-1', name: 'p5', unit: 'vcpus', limit: 768, usage: null },
            ...{ inFlight: 192, headroom: null, observedAt: AT },
          },
        ],
        soldOut: [
          { scope: poolScope(pool()), until: AT + 180_000, reason: 'InsufficientInstanceCapacity', strikes: 1 },
        ],
        leaseCount: 2,
        costMicroUsdPerHour: 110_080_000,
      },
    ];
  }

  async getProvider(id: string): Promise<ProviderView> {
    const found = (await this.listProviders()).find((provider) => provider.id === id);
    if (found === undefined) throw new ServiceError('provider-not-found', `There is no provider "${id}"`);
    return found;
  }
}
