import { explainWorkload } from '../planning/explain.ts';
import { StoreError } from '../store/errors.ts';
import { listEvents } from '../store/events.ts';
import { getLease, leasesOfWorkload, listLeases, listNonFinalLeases } from '../store/leases.ts';
import { getPlan, getPlanInput, latestPlan, listPlans } from '../store/plans.ts';
import { type PolicyVersionRow, policiesInForce } from '../store/policies.ts';
import { regionStates } from '../store/providers.ts';
import { findWorkload, getWorkload, listAllWorkloads, listWorkloads, type WorkloadRow } from '../store/workloads.ts';
import { applyWorkload, deleteWorkload } from './admission.ts';
import type { BrokerContext, Planner } from './context.ts';
import { createAnalysisService } from './create-analysis-service.ts';
import { createExecutionService } from './create-execution-service.ts';
import { createRebalanceService } from './create-rebalance-service.ts';
import { dryRun } from './dry-run.ts';
import { explanationWithMarket } from './explaining.ts';
import { acceptQuarantinedPrice, listOfferViews, listQuarantineViews, priceHistoryView } from './market-views.ts';
import type { Planner as Analyst } from './planning/planner.ts';
import type { PolicyKeeper } from './policy-keeper.ts';
import { providerView } from './provider-views.ts';
import { type BrokerService, type PolicyView, ServiceError } from './service.ts';
import { fleetView, leaseView, planView, workloadView } from './views.ts';

/** The broker as its API sees it: reads straight from the store, changes through admission. */
export function createService(
  context: BrokerContext,
  planner: Planner,
  keeper: PolicyKeeper,
  analyst: Analyst,
): BrokerService {
  const { database } = context.store;

  async function workloadOf(idOrName: string): Promise<WorkloadRow> {
    const workload = await findWorkload(database, idOrName).catch((error: unknown) => {
      if (error instanceof StoreError && error.code === 'ambiguous-name') {
        throw new ServiceError('workload-conflict', error.message);
      }
      throw error;
    });
    if (workload !== null) return workload;
    throw new ServiceError(
      'workload-not-found',
      `No workload has the id or name "${idOrName}"; list them with GET /v1/workloads`,
    );
  }

  async function viewOf(workload: WorkloadRow) {
    return workloadView(workload, await liveLeasesOf(workload.id));
  }

  async function liveLeasesOf(workloadId: string) {
    return (await leasesOfWorkload(database, workloadId)).filter(({ state }) => state !== 'gone' && state !== 'failed');
  }

  async function namesOf(workloadIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const names = new Map<string, string>();
    for (const id of new Set(workloadIds)) names.set(id, (await getWorkload(database, id))?.spec.name ?? id);
    return names;
  }

  function policyViewOf({ policy, version, source, loadedAt }: PolicyVersionRow): PolicyView {
    return { policy, version, source, loadedAt, rejected: keeper.rejected() };
  }

  return {
    ...createExecutionService(context),
    ...createAnalysisService(context, analyst),
    ...createRebalanceService(context, analyst),
    listOffers: (filter, page) => listOfferViews(context, filter, page),
    listQuarantinedPrices: (filter, page) => listQuarantineViews(context, filter, page),
    acceptPrice: (key) => acceptQuarantinedPrice(context, key),
    getPriceHistory: (key, since) => priceHistoryView(context, key, since),
    applyWorkload: async (spec) => viewOf(await applyWorkload(context, spec)),
    dryRun: (specs) => dryRun(context, planner, specs),
    listWorkloads: async (page) => {
      const rows = await listWorkloads(database, page);
      return { items: await Promise.all(rows.items.map(viewOf)), next: rows.next };
    },
    getWorkload: async (idOrName) => viewOf(await workloadOf(idOrName)),
    deleteWorkload: async (idOrName) => {
      const workload = await workloadOf(idOrName);
      await deleteWorkload(context, workload);
      return viewOf((await getWorkload(database, workload.id)) ?? workload);
    },
    explainWorkload: async (idOrName) => {
      const workload = await workloadOf(idOrName);
      const [serving] = (await liveLeasesOf(workload.id)).filter(({ wanted }) => wanted);
      const planId = serving?.planId ?? (await latestPlan(database))?.id ?? null;
      const record = planId === null ? null : await getPlan(database, planId);
      const input = planId === null ? null : await getPlanInput(database, planId);
      const explanation =
        record !== null && input?.workloads.some(({ id }) => id === workload.id)
          ? {
              planId,
              ...(await explanationWithMarket(context, input, explainWorkload(input, record.plan, workload.id))),
            }
          : {
              planId: null,
              workloadId: workload.id,
              alternatives: [],
              otherAcceleratorCount: 0,
              held: workload.holdReasons,
            };
      return { ...explanation, workloadName: workload.spec.name };
    },
    listLeases: async (filter, page) => {
      const workloadId = filter.workload === null ? null : (await workloadOf(filter.workload)).id;
      const rows = await listLeases(database, { workloadId, state: filter.state }, page);
      const names = await namesOf(rows.items.map((lease) => lease.workloadId));
      return { items: rows.items.map((lease) => leaseView(lease, names.get(lease.workloadId) ?? '')), next: rows.next };
    },
    getLease: async (id) => {
      const lease = await getLease(database, id);
      if (lease === null)
        throw new ServiceError('lease-not-found', `No lease has the id "${id}"; list them with GET /v1/leases`);
      return leaseView(lease, (await namesOf([lease.workloadId])).get(lease.workloadId) ?? '');
    },
    listPlans: async (page) => {
      const rows = await listPlans(database, page);
      return { items: rows.items.map(planView), next: rows.next };
    },
    getPlan: async (id) => {
      const plan = await getPlan(database, id);
      if (plan === null)
        throw new ServiceError('plan-not-found', `No plan has the id "${id}"; list them with GET /v1/plans`);
      return planView(plan);
    },
    listProviders: () => Promise.all([...context.providers.keys()].map((id) => providerView(context, id))),
    getProvider: async (id) => {
      if (context.providers.has(id)) return providerView(context, id);
      const known = [...context.providers.keys()].join(', ');
      throw new ServiceError('provider-not-found', `Provider "${id}" is not configured; configured are ${known}`);
    },
    listEvents: (filter, page) => listEvents(database, filter, page),
    listPolicies: async () => (await policiesInForce(database)).map(policyViewOf),
    getPolicy: async (name) => {
      const inForce = await policiesInForce(database);
      const found = inForce.find((row) => row.name === name);
      if (found !== undefined) return policyViewOf(found);
      const known = inForce.map((row) => row.name).join(', ');
      throw new ServiceError(
        'policy-not-found',
        `No policy "${name}" is in force; in force ${known === '' ? 'is none' : `are: ${known}`}`,
      );
    },
    getFleet: async () => {
      const plan = await latestPlan(database);
      return fleetView(
        context.clock.now(),
        await listNonFinalLeases(database),
        await listAllWorkloads(database),
        plan === null ? null : planView(plan),
      );
    },
    readiness: () => missing(context),
  };
}

/** What the broker still waits for before its answers can be trusted. */
async function missing(context: BrokerContext): Promise<readonly string[]> {
  const lacking: string[] = [];
  if ((await policiesInForce(context.store.database)).length === 0) lacking.push('no policy is in force');
  const states = await regionStates(context.store.database);
  for (const [provider, regions] of context.regions) {
    const tried = states.filter((state) => state.provider === provider && state.attemptedAt !== null);
    if (tried.length < regions.length)
      lacking.push(`offers of ${provider}: ${tried.length} of ${regions.length} regions read`);
  }
  return lacking;
}
