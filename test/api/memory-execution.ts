import type {
  CapacityBlockFilter,
  LeftoverView,
  MachineNotice,
  PurchaseRequest,
  PurchaseView,
  SweepView,
} from '../../src/broker/execution-service.ts';
import { type Page, type PageQuery, ServiceError } from '../../src/broker/service.ts';
import type { CapacityBlock } from '../../src/domain/capacity-block.ts';
import { MemoryMarket } from './memory-market.ts';
import { BLOCK, LEFTOVERS, PURCHASE, paged, SWEEPS } from './memory-samples.ts';

/** What machines report, what they leave behind, and what is bought ahead. */
export class MemoryExecution extends MemoryMarket {
  readonly heard: MachineNotice[] = [];
  purchase: PurchaseView = PURCHASE;

  async listLeftovers(provider: string | null, page: PageQuery): Promise<Page<LeftoverView>> {
    return paged(
      LEFTOVERS.filter((leftover) => (provider ?? leftover.provider) === leftover.provider),
      page,
    );
  }

  async listSweeps(): Promise<readonly SweepView[]> {
    return SWEEPS;
  }

  /** Knows the attempt `attempt-1` and its token `token-1`. */
  async hearCallback(attemptId: string, token: string | null, notice: MachineNotice): Promise<{ isNew: boolean }> {
    if (token === null) throw new ServiceError('callback-refused', 'no token');
    if (attemptId !== 'attempt-1') throw new ServiceError('callback-not-found', 'no such machine');
    if (token !== 'token-1') throw new ServiceError('callback-refused', 'another token');
    this.heard.push(notice);
    return { isNew: this.heard.length === 1 };
  }

  async listCapacityBlocks(filter: CapacityBlockFilter): Promise<readonly CapacityBlock[]> {
    return filter.provider === 'aws' ? [BLOCK] : [];
  }

  async requestPurchase(request: PurchaseRequest): Promise<PurchaseView> {
    if (request.blockId !== BLOCK.id) throw new ServiceError('capacity-block-not-found', 'not for sale');
    const { maxPriceMicroUsd, note } = request;
    this.purchase = { ...PURCHASE, maxPriceMicroUsd, note, state: 'awaiting-approval' };
    return this.purchase;
  }

  async listPurchases(_filter: object, page: PageQuery): Promise<Page<PurchaseView>> {
    return paged([this.purchase], page);
  }

  async getPurchase(id: string): Promise<PurchaseView> {
    if (id !== this.purchase.id) throw new ServiceError('purchase-not-found', `There is no purchase "${id}"`);
    return this.purchase;
  }

  async approvePurchase(id: string): Promise<PurchaseView> {
    const purchase = await this.getPurchase(id);
    if (purchase.state !== 'awaiting-approval') throw new ServiceError('purchase-conflict', `it is ${purchase.state}`);
    this.purchase = { ...purchase, state: 'approved' };
    return this.purchase;
  }

  async rejectPurchase(id: string): Promise<PurchaseView> {
    this.purchase = { ...(await this.getPurchase(id)), state: 'rejected' };
    return this.purchase;
  }

  async settlePurchase(id: string, reservationId: string | null): Promise<PurchaseView> {
    const purchase = await this.getPurchase(id);
    this.purchase = { ...purchase, state: reservationId === null ? 'not-bought' : 'bought', reservationId };
    return this.purchase;
  }
}
