import type { Page, PageQuery } from '../../src/broker/page.ts';
import { rebalanceOf } from '../../src/broker/rebalance-figures.ts';
import type { RebalanceLook, RebalanceService, RebalanceView } from '../../src/broker/rebalance-service.ts';
import { reasonText } from '../../src/broker/rebalance-words.ts';
import { ServiceError } from '../../src/broker/service.ts';
import type { PlanInput } from '../../src/domain/plan.ts';
import type { RebalanceState } from '../../src/domain/rebalance.ts';
import { rebalanceOffer } from '../../src/planning/rebalance.ts';
import { inputWith, leaseAt, NOW, offerAt, policyWith, usd, workload } from '../planning/market-builders.ts';
import { MemoryAnalysis } from './memory-analysis.ts';
import { paged } from './memory-samples.ts';

const AWS = 'aws/us-east-1/us-east-1a/p5.48xlarge/spot';
const NAMES = { 'w-1': 'train', 'w-2': 'web' };
const POLICIES = [{ name: 'default', version: 3 }];

/** Three replicas at aws for 30 $/h, which gcp offers for less, and one that stays. */
function inputAt(dollars: number): PlanInput {
  const rebalance = { ...policyWith().rebalance, moveCostMicroUsd: usd(2), minSavingsMicroUsdPerHour: usd(4) };
  return inputWith({
    policy: policyWith({ rebalance }),
    workloads: [workload('w-1', { name: 'train', replicas: 3 }), workload('w-2', { name: 'web', isProtected: true })],
    leases: [
      ...[0, 1, 2].map((replica) => leaseAt(`lease-${replica}`, 'w-1', AWS, 30, { replicas: [replica] })),
      leaseAt('lease-3', 'w-2', AWS, 30),
    ],
    offers: [offerAt(AWS, 30), offerAt('gcp/us-central1/us-central1-a/a3-highgpu-8g/spot', dollars)],
  });
}

/** Rebalances of one small fleet by the real planner. */
export class MemoryRebalances extends MemoryAnalysis implements RebalanceService {
  /** What gcp asks for a machine. */
  otherPrice = 18;
  isSettled = true;

  async listRebalances(
    { state }: { readonly state: RebalanceState | null },
    page: PageQuery,
  ): Promise<Page<RebalanceView>> {
    const items = await Promise.all(['rebalance-2', 'rebalance-1'].map((id) => this.getRebalance(id)));
    return paged(
      items.filter((item) => state === null || item.state === state),
      page,
    );
  }

  async getRebalance(id: string): Promise<RebalanceView> {
    const isFirst = id === 'rebalance-1';
    if (!isFirst && id !== 'rebalance-2')
      throw new ServiceError('rebalance-not-found', `There is no rebalance "${id}"`);
    const { rebalance } = await this.#look(isFirst ? 20 : 18);
    if (rebalance === null) throw new Error('nothing moves');
    return {
      ...{ id, rebalance, policies: POLICIES, workloadNames: NAMES, createdAt: NOW, confirmedAt: NOW },
      expiresAt: NOW + 3_600_000,
      state: isFirst ? 'superseded' : 'proposed',
      stateReason: isFirst ? 'Rebalance rebalance-2 took its place' : null,
    };
  }

  async lookForRebalance(signal: AbortSignal): Promise<RebalanceLook> {
    await this.hang(signal);
    return this.#look(this.otherPrice);
  }

  async #look(dollars: number): Promise<RebalanceLook> {
    const input = inputAt(dollars);
    const offer = await rebalanceOffer(input);
    return {
      ...{ at: NOW, pays: offer?.pays ?? false, reason: reasonText(offer, input.workloads), policies: POLICIES },
      rebalance: offer === null ? null : rebalanceOf(input, offer),
      ...{ isSettled: this.isSettled, workloadNames: NAMES },
    };
  }
}
