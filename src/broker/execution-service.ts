/** The part of {@link BrokerService} that speaks of what the broker has and does in the clouds: leftovers, call backs, capacity blocks. */
import type { CapacityBlock } from '../domain/capacity-block.ts';
import type { PurchaseState } from '../domain/capacity-purchase.ts';
import type { InterruptionKind } from '../domain/interruption.ts';
import type { LeftoverKind, LeftoverState, SweepOutcome, SweepSubject } from '../domain/leftover.ts';
import type { MicroUsd } from '../domain/money.ts';
import type { ProviderId } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';
import type { Page, PageQuery } from './page.ts';

/** Something in a cloud with our owner tag that no lease accounts for. */
export interface LeftoverView {
  readonly provider: ProviderId;
  readonly region: string;
  readonly zone: string | null;
  readonly kind: LeftoverKind;
  /** The cloud's own id or name. */
  readonly cloudId: string;
  readonly attemptId: string | null;
  /** The lease that it belonged to; null = unknown here. */
  readonly leaseId: string | null;
  readonly createdAt: EpochMs | null;
  readonly firstSeenAt: EpochMs;
  readonly lastSeenAt: EpochMs;
  readonly state: LeftoverState;
  readonly error: string | null;
}

/** How the last sweep of a region ended. Only `complete` proves that nothing else is there. */
export interface SweepView {
  readonly provider: ProviderId;
  readonly region: string;
  readonly subject: SweepSubject;
  readonly outcome: SweepOutcome;
  readonly sweptAt: EpochMs;
  readonly completeAt: EpochMs | null;
  readonly error: string | null;
}

/** What a machine says of itself. */
export interface MachineNotice {
  readonly kind: InterruptionKind;
  readonly message: string;
  readonly deadlineAt: EpochMs | null;
}

export interface CapacityBlockFilter {
  readonly provider: ProviderId;
  readonly region: string;
  readonly instanceType: string;
  readonly machineCount: number;
  readonly durationHours: number;
  readonly startAfter: EpochMs | null;
  readonly startBefore: EpochMs | null;
}

export interface PurchaseRequest extends CapacityBlockFilter {
  /** One of those that the same filter lists. */
  readonly blockId: string;
  /** Refused where the block costs more. */
  readonly maxPriceMicroUsd: MicroUsd;
  readonly note: string | null;
}

export interface PurchaseView {
  readonly id: string;
  readonly block: CapacityBlock;
  readonly maxPriceMicroUsd: MicroUsd;
  readonly note: string | null;
  readonly state: PurchaseState;
  readonly stateReason: string | null;
  readonly reservationId: string | null;
  readonly requestedAt: EpochMs;
  readonly decidedAt: EpochMs | null;
  readonly sentAt: EpochMs | null;
  readonly settledAt: EpochMs | null;
}

export interface ExecutionService {
  listLeftovers(provider: ProviderId | null, page: PageQuery): Promise<Page<LeftoverView>>;
  listSweeps(provider: ProviderId | null): Promise<readonly SweepView[]>;
  /** `token` null = none was sent. `isNew` false = known already. Throws `callback-not-found`, `callback-refused`. */
  hearCallback(attemptId: string, token: string | null, notice: MachineNotice): Promise<{ readonly isNew: boolean }>;
  /** What is for sale now. Throws `provider-not-found`, `capacity-block-not-found` (sold nowhere there), `provider-unavailable`. */
  listCapacityBlocks(filter: CapacityBlockFilter): Promise<readonly CapacityBlock[]>;
  /** Writes a request for a person to approve; buys nothing. The same block again is the same request while that is open. */
  requestPurchase(request: PurchaseRequest): Promise<PurchaseView>;
  listPurchases(filter: { readonly state: PurchaseState | null }, page: PageQuery): Promise<Page<PurchaseView>>;
  getPurchase(id: string): Promise<PurchaseView>;
  /** The block is bought soon after, once. Throws `purchase-not-found`, `purchase-conflict`. */
  approvePurchase(id: string): Promise<PurchaseView>;
  /** Also takes an approval back, as long as nothing was sent. */
  rejectPurchase(id: string): Promise<PurchaseView>;
  /** Only of one that is `unknown`: with the reservation that was bought, or null = none was. */
  settlePurchase(id: string, reservationId: string | null): Promise<PurchaseView>;
}
