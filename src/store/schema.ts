import type { Kysely } from 'kysely';
import type {
  AttemptsTable,
  BudgetAlertsTable,
  CapacityBlockPurchasesTable,
  EventsTable,
  FleetTable,
  InterruptionCursorsTable,
  InterruptionNoticesTable,
  LeasesTable,
  LeftoversTable,
  PlansTable,
  PolicyVersionsTable,
  RebalanceLooksTable,
  RebalancesTable,
  SweepsTable,
  WorkloadsTable,
} from './fleet-tables.ts';
import type {
  AcceptedPricesTable,
  CapacityAdviceTable,
  OffersTable,
  PoolOutcomesTable,
  PriceHistoryTable,
  ProviderRegionsTable,
  ProviderSuspensionsTable,
  QuarantinedPricesTable,
  QuotasTable,
  SoldOutsTable,
} from './market-tables.ts';

/** The tables as `migrations/` builds them. */
export interface Database {
  fleet: FleetTable;
  workloads: WorkloadsTable;
  plans: PlansTable;
  leases: LeasesTable;
  attempts: AttemptsTable;
  policy_versions: PolicyVersionsTable;
  budget_alerts: BudgetAlertsTable;
  offers: OffersTable;
  price_history: PriceHistoryTable;
  sold_outs: SoldOutsTable;
  pool_outcomes: PoolOutcomesTable;
  quotas: QuotasTable;
  provider_regions: ProviderRegionsTable;
  provider_suspensions: ProviderSuspensionsTable;
  quarantined_prices: QuarantinedPricesTable;
  accepted_prices: AcceptedPricesTable;
  capacity_advice: CapacityAdviceTable;
  events: EventsTable;
  interruption_cursors: InterruptionCursorsTable;
  interruption_notices: InterruptionNoticesTable;
  leftovers: LeftoversTable;
  sweeps: SweepsTable;
  capacity_block_purchases: CapacityBlockPurchasesTable;
  rebalances: RebalancesTable;
  rebalance_looks: RebalanceLooksTable;
}

/** What every query takes first: the store's own handle, or the one of the transaction it belongs to. */
export type Handle = Kysely<Database>;
