import { isServing } from '../domain/lease.ts';
import type { HoldReason, Plan, PlanInput, PlanLease, PlanWorkload, PolicyRef } from '../domain/plan.ts';
import { poolKey } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';
import { PLANNER_SEED, PLANNER_VERSION } from '../planning/planner-version.ts';
import { appendEvent } from '../store/events.ts';
import { fleetRevision, raiseFleetRevisionFrom } from '../store/fleet.ts';
import { insertLeases, type LeaseRow, listNonFinalLeases, listServingLeases, unwantLeases } from '../store/leases.ts';
import { listOffers } from '../store/offers.ts';
import type { Handle } from '../store/open-store.ts';
import { insertPlan } from '../store/plans.ts';
import { policiesInForce } from '../store/policies.ts';
import { listSuspensions } from '../store/providers.ts';
import { listQuotas } from '../store/quotas.ts';
import { listActiveSoldOuts } from '../store/sold-outs.ts';
import { listServedWorkloads, setWorkloadState, type WorkloadRow } from '../store/workloads.ts';
import { quotasWithInFlight } from './assemble-input.ts';
import { readTeamBudgets } from './budgets.ts';
import type { BrokerContext, Planner } from './context.ts';
import { planOffers } from './plan-offers.ts';
import { withoutTaken } from './reserved.ts';

/** Everything a plan depends on, with the fleet's revision it was read at. */
export interface PlanningView {
  readonly revision: number;
  /** The policies in force, in the order of their names. */
  readonly policies: readonly PolicyRef[];
  readonly workloads: readonly WorkloadRow[];
  readonly leases: readonly LeaseRow[];
  readonly input: PlanInput;
}

export interface PlacingOutcome {
  /** Null where nothing was to be placed, or the fleet changed meanwhile (`again`). */
  readonly planId: string | null;
  /** The fleet changed while the plan was made, or gangs were released: plan anew at once. */
  readonly again: boolean;
}

/** Reads the fleet as one consistent picture. Null before a policy is in force. */
export async function readPlanningView(context: BrokerContext): Promise<PlanningView | null> {
  return context.store.transaction(async (transaction) => {
    const inForce = await policiesInForce(transaction);
    if (inForce.length === 0) return null;
    const policies = inForce.map(({ policy }) => policy);
    const at = context.clock.now();
    const revision = await fleetRevision(transaction);
    const workloads = await listServedWorkloads(transaction);
    const served = new Set(workloads.map(({ id }) => id));
    const leases = (await listServingLeases(transaction)).filter(
      (lease) => lease.wanted && served.has(lease.workloadId),
    );
    const listed = (await listOffers(transaction)).filter((offer) => context.providers.has(offer.pool.provider));
    const offers = withoutTaken(listed, await listNonFinalLeases(transaction));
    const input: PlanInput = {
      at,
      policies,
      offers: await planOffers(transaction, offers, at),
      workloads: workloads.map(({ id, spec }): PlanWorkload => ({ id, spec })),
      leases: leases.map(planLeaseOf),
      quotas: quotasWithInFlight(await listQuotas(transaction), leases, offers),
      soldOut: [
        ...(await listActiveSoldOuts(transaction, at)),
        ...(await listSuspensions(transaction, at)).map(({ provider, until, reason }) => ({
          scope: { provider, region: null, zone: null, instanceType: null, market: null, quota: null },
          until,
          reason: `suspended: ${reason}`,
          strikes: 1,
        })),
      ],
      teamBudgets: await readTeamBudgets(transaction, policies, at),
    };
    const refs = inForce.map(({ name, version }): PolicyRef => ({ name, version }));
    return { revision, policies: refs, workloads, leases, input };
  });
}

function planLeaseOf(lease: LeaseRow): PlanLease {
  const { id, workloadId, replicas, part, partCount, pool, accelerator, acceleratorCount } = lease;
  const { priceMicroUsdPerHour } = lease;
  return { id, workloadId, replicas, part, partCount, pool, accelerator, acceleratorCount, priceMicroUsdPerHour };
}

/** A solve that takes longer is ended from outside, and tried again on what is then known. */
const PLAN_DEADLINE_MS = 120_000;

/** A search that takes longer gives way to its good answer: a machine somewhat dearer now is better than none for minutes. */
const GOOD_ANSWER_MS = 10_000;

/** Plans whatever is not placed and commits it, unless the fleet changed meanwhile. Launches nothing: the lease worker does. */
export async function place(context: BrokerContext, planner: Planner): Promise<PlacingOutcome> {
  const view = await readPlanningView(context);
  if (view === null || !hasUnplaced(view)) return { planId: null, again: false };
  const startedAt = context.clock.now();
  const deadline = AbortSignal.any([context.signal, AbortSignal.timeout(PLAN_DEADLINE_MS)]);
  const plan = await planner.plan(view.input, deadline, { deadlineMs: GOOD_ANSWER_MS });
  const at = context.clock.now();
  const decision: Decision = {
    ...{ view, plan, at },
    planId: context.newId(),
    trigger: view.workloads.some(({ state }) => state === 'pending') ? 'admission' : 'repair',
    elapsedMs: at - startedAt,
    released: gangsToRelease(view.leases, plan),
  };
  const outcome = await commit(context, decision);
  if (outcome === 'stale') return { planId: null, again: true };
  if (outcome === 'nothing-new') return { planId: null, again: false };
  context.wakeLeases();
  return { planId: decision.planId, again: decision.released.length > 0 };
}

/** A plan with what is to be written of it. */
interface Decision {
  readonly view: PlanningView;
  readonly plan: Plan;
  readonly planId: string;
  readonly trigger: string;
  readonly elapsedMs: number;
  readonly released: readonly LeaseRow[];
  readonly at: EpochMs;
}

/** Writes leases, states and the plan in one transaction, unless the fleet is no longer the one that was planned for. */
function commit(context: BrokerContext, decision: Decision): Promise<'committed' | 'nothing-new' | 'stale'> {
  const { view, plan, planId, trigger, elapsedMs, released, at } = decision;
  return context.store.transaction(async (transaction) => {
    if (!(await raiseFleetRevisionFrom(transaction, view.revision))) return 'stale';
    const undecided = new Set(released.map(({ workloadId }) => workloadId));
    const changed = await setStates(transaction, view, plan, undecided, at);
    if (!changed && plan.machines.length === 0 && released.length === 0) return 'nothing-new';
    await insertPlan(transaction, {
      ...{ id: planId, at, trigger, elapsedMs, plan },
      policies: view.policies,
      input: view.input,
      plannerVersion: PLANNER_VERSION,
      seed: PLANNER_SEED,
      workloadNames: Object.fromEntries(view.workloads.map(({ id, spec }) => [id, spec.name])),
    });
    await insertLeases(transaction, leasesOf(context, plan, planId, at));
    const releasedIds = released.map(({ id }) => id);
    await unwantLeases(transaction, releasedIds, at);
    await appendPlanEvent(transaction, decision);
    return 'committed';
  });
}

/** Whether some replica of some workload has no machine, or not all machines of its gang. */
function hasUnplaced(view: PlanningView): boolean {
  const isWhole = wholeIn(view);
  return view.workloads.some((workload) => workload.state !== 'placed' || !isWhole(workload));
}

/** Whether nothing is on its way: every workload is held or has all its machines, and all machines are ready. */
export function isSettled(view: PlanningView): boolean {
  const isWhole = wholeIn(view);
  return (
    view.leases.every(({ state }) => state === 'ready') &&
    view.workloads.every((workload) => workload.state === 'held' || (workload.state === 'placed' && isWhole(workload)))
  );
}

/** Tells of a workload whether every replica has all its machines. */
function wholeIn({ leases }: PlanningView): (workload: WorkloadRow) => boolean {
  const parts = new Map<string, number>();
  for (const lease of leases) {
    for (const replica of lease.replicas) {
      const key = `${lease.workloadId}/${replica}`;
      parts.set(key, (parts.get(key) ?? 0) + 1 / lease.partCount);
    }
  }
  return ({ id, spec }) =>
    Array.from({ length: spec.replicas }, (_, replica) => parts.get(`${id}/${replica}`) ?? 0).every(
      (share) => share >= 0.999,
    );
}

/** A gang is all or none: what runs of a gang whose missing machines cannot be had is released, so that the whole can go elsewhere. */
function gangsToRelease(leases: readonly LeaseRow[], plan: Plan): LeaseRow[] {
  const held = new Set(
    plan.held.flatMap(({ workloadId, replicas }) => replicas.map((replica) => `${workloadId}/${replica}`)),
  );
  return leases.filter((lease) => lease.replicas.some((replica) => held.has(`${lease.workloadId}/${replica}`)));
}

function leasesOf(context: BrokerContext, plan: Plan, planId: string, at: EpochMs) {
  return plan.machines.map((machine) => ({
    id: context.newId(),
    planId,
    workloadId: machine.workloadId,
    replicas: machine.replicas,
    part: machine.part,
    partCount: machine.partCount,
    pool: machine.pool,
    accelerator: machine.accelerator,
    acceleratorCount: machine.acceleratorCount,
    priceMicroUsdPerHour: machine.priceMicroUsdPerHour,
    adjustedPriceMicroUsdPerHour: machine.adjustedPriceMicroUsdPerHour,
    at,
  }));
}

/**
 * Workloads become `placed` or `held` as the plan says; tells whether any state changed. A workload whose gang is released keeps its state:
 * the next plan, at once, says whether the whole gang has a place.
 */
async function setStates(
  transaction: Handle,
  view: PlanningView,
  plan: Plan,
  undecided: ReadonlySet<string>,
  at: EpochMs,
): Promise<boolean> {
  const reasons = new Map<string, HoldReason[]>();
  for (const held of plan.held) {
    reasons.set(held.workloadId, [...(reasons.get(held.workloadId) ?? []), ...held.reasons]);
  }
  let changed = false;
  for (const workload of view.workloads) {
    if (undecided.has(workload.id)) continue;
    const holding = reasons.get(workload.id) ?? [];
    const state = reasons.has(workload.id) ? 'held' : 'placed';
    const wrote = await setWorkloadState(transaction, { id: workload.id, state, holdReasons: holding, at });
    changed = changed || wrote;
  }
  return changed;
}

const GROUPS_IN_WORDS = 3;

/** `2 × azure/eastus2/2/Standard_ND96isr_H100_v5/on-demand for llm-training`, the first few groups. */
function launchesInWords(view: PlanningView, plan: Plan): string {
  if (plan.machines.length === 0) return 'nothing to launch';
  const names = new Map(view.workloads.map(({ id, spec }) => [id, spec.name]));
  const groups = Map.groupBy(
    plan.machines,
    ({ pool, workloadId }) => `${poolKey(pool)} for ${names.get(workloadId) ?? workloadId}`,
  );
  const words = [...groups].map(([what, machines]) => `${machines.length} × ${what}`);
  const more = words.length - GROUPS_IN_WORDS;
  return `${words.slice(0, GROUPS_IN_WORDS).join(', ')}${more > 0 ? `, and ${more} more groups` : ''}`;
}

async function appendPlanEvent(transaction: Handle, decision: Decision): Promise<void> {
  const { view, planId, trigger, plan, released, at } = decision;
  const held = plan.held.reduce((count, { replicas }) => count + replicas.length, 0);
  const notPlaced = `${held} ${held === 1 ? 'replica' : 'replicas'} not placed`;
  const told =
    released.length > 0
      ? `; ${released.length} released, the rest of a gang that cannot be completed there`
      : `; ${notPlaced}`;
  await appendEvent(transaction, {
    at,
    type: 'plan.committed',
    workloadId: null,
    leaseId: null,
    message: `Plan ${planId} (${trigger}): ${launchesInWords(view, plan)}${held === 0 ? '' : told}`,
    data: { planId, trigger, machines: plan.machines.length, held, cost: plan.costMicroUsdPerHour },
  });
}

/** Whether a lease still serves its workload (for views and tests). */
export function servesStill(lease: Pick<LeaseRow, 'state' | 'wanted'>): boolean {
  return lease.wanted && isServing(lease.state);
}
