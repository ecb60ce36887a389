import { createHash } from 'node:crypto';
import type { PlanInput } from '../domain/plan.ts';
import { poolKey } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';
import { governanceOf } from '../planning/governance.ts';
import { PLANNER_VERSION } from '../planning/planner-version.ts';
import type { RebalanceOffer } from '../planning/rebalance.ts';
import { appendEvent } from '../store/events.ts';
import { holdFleetRevision } from '../store/fleet.ts';
import type { Handle } from '../store/open-store.ts';
import {
  claimLook,
  confirmRebalance,
  dropLook,
  endLook,
  expireRebalance,
  type LastLook,
  type NewRebalance,
  proposeRebalance,
  type RebalanceRow,
  supersedeRebalance,
} from '../store/rebalances.ts';
import type { BrokerContext } from './context.ts';
import { isSettled, type PlanningView, readPlanningView } from './placing.ts';
import { GivenUp, type Planner } from './planning/planner.ts';
import { rebalanceOf } from './rebalance-figures.ts';
import { ALL_OFF, reasonText, rebalanceText } from './rebalance-words.ts';

export type RebalancePlanner = Pick<Planner, 'rebalance'>;

/** `waiting`: not due, another process looks, or the fleet is not settled. `unchanged`: since the last look. `stale`: the fleet changed meanwhile. */
export type LookOutcome = 'waiting' | 'unchanged' | 'proposed' | 'confirmed' | 'nothing-pays' | 'stale' | 'given-up';

/** A search that takes longer is ended from outside, and tried again at the next look. */
const LOOK_DEADLINE_MS = 300_000;
const CLAIM_SECONDS = LOOK_DEADLINE_MS / 1000 + 60;

/** A proposal that looks could not confirm for so many intervals is no longer one. */
const INTERVALS_TO_EXPIRY = 4;

/**
 * Looks for moves of running leases that pay, once the fleet is settled, and proposes them. At most once in `rebalanceSeconds`, by one process
 * of several; plans only when fleet, policies or market have changed since the last look. `signal` gives the look up: it is due again.
 */
export async function lookForRebalance(
  context: BrokerContext,
  planner: RebalancePlanner,
  signal: AbortSignal,
): Promise<LookOutcome> {
  await expire(context);
  const { database } = context.store;
  const claim = context.newId();
  const everySeconds = context.settings.rebalanceSeconds;
  const due = { claim, now: context.clock.now(), everySeconds, claimSeconds: CLAIM_SECONDS };
  const last = await claimLook(database, due);
  if (last === null) return 'waiting';
  try {
    const outcome = await look(context, planner, { claim, last, signal });
    if (outcome === 'waiting' || outcome === 'stale') await dropLook(database, claim);
    return outcome;
  } catch (error) {
    if (error instanceof GivenUp || context.signal.aborted) {
      await dropLook(database, claim);
      return 'given-up';
    }
    // Not at once again: it would fail again, and planning is dear.
    await endLook(database, { claim, at: context.clock.now(), fingerprint: null });
    throw error;
  }
}

interface Look {
  readonly claim: string;
  readonly last: LastLook;
  readonly signal: AbortSignal;
}

async function look(context: BrokerContext, planner: RebalancePlanner, { claim, last, signal }: Look) {
  const view = await readPlanningView(context);
  if (view === null || !isSettled(view)) return 'waiting';
  const found = { view, claim, fingerprint: fingerprintOf(view) };
  if (found.fingerprint === last.fingerprint) return confirm(context, found);
  const input = withMovable(view.input);
  const until = AbortSignal.any([context.signal, signal, AbortSignal.timeout(LOOK_DEADLINE_MS)]);
  const offer = mayMove(view.input) ? await planner.rebalance(input, until, { isBackground: true }) : null;
  return commit(context, { ...found, input, offer });
}

/** Whether any policy in force wants its fleet to be moved at all. */
export function mayMove({ policies }: PlanInput): boolean {
  return policies.some(({ rebalance }) => rebalance.mode !== 'off');
}

/** The input in which workloads of policies with `mode: off` stay where they are, like protected ones. */
export function withMovable(input: PlanInput): PlanInput {
  const governance = governanceOf(input);
  const workloads = input.workloads.map(({ id, spec }) => {
    const isOff = governance.ofSpec(spec)?.policy.rebalance.mode === 'off';
    return { id, spec: isOff ? { ...spec, isProtected: true } : spec };
  });
  return { ...input, workloads };
}

/** Of everything that is worth a new look when it changes. Estimates and budgets, which drift with time alone, are not. */
function fingerprintOf({ revision, policies, input }: PlanningView): string {
  const market = input.offers.map(({ pool, priceMicroUsdPerHour, availability, availableCount }) => {
    return [poolKey(pool), priceMicroUsdPerHour, availability, availableCount];
  });
  const soldOut = input.soldOut.map(({ scope, until }) => [scope, until]);
  const content = JSON.stringify({ revision, policies, market, soldOut, quotas: input.quotas });
  return createHash('sha256').update(content).digest('hex');
}

interface Found {
  readonly view: PlanningView;
  readonly claim: string;
  readonly fingerprint: string;
}

interface Finding extends Found {
  /** As it was planned from. */
  readonly input: PlanInput;
  readonly offer: RebalanceOffer | null;
}

/** Within the transaction that this begins, fleet and claim stay as they are. */
async function holds(transaction: Handle, { view, claim, fingerprint }: Found, at: EpochMs): Promise<boolean> {
  return (
    (await holdFleetRevision(transaction, view.revision)) && (await endLook(transaction, { claim, at, fingerprint }))
  );
}

function confirm(context: BrokerContext, found: Found): Promise<LookOutcome> {
  const at = context.clock.now();
  return context.store.transaction(async (transaction) => {
    if (!(await holds(transaction, found, at))) return 'stale';
    await confirmRebalance(transaction, at, expiryOf(context, at));
    return 'unchanged';
  });
}

function expiryOf(context: BrokerContext, at: EpochMs): EpochMs {
  return at + INTERVALS_TO_EXPIRY * context.settings.rebalanceSeconds * 1000;
}

/** Writes what was found in one transaction, unless the fleet is no longer the one that was planned for. */
function commit(context: BrokerContext, finding: Finding): Promise<LookOutcome> {
  const { view, input, offer } = finding;
  const at = context.clock.now();
  const rebalance: NewRebalance | null =
    offer?.pays === true
      ? {
          ...{ id: context.newId(), at, expiresAt: expiryOf(context, at), policies: view.policies },
          ...{ fleetRevision: view.revision, rebalance: rebalanceOf(input, offer), plannerVersion: PLANNER_VERSION },
          workloadNames: Object.fromEntries(view.workloads.map(({ id, spec }) => [id, spec.name])),
        }
      : null;
  return context.store.transaction(async (transaction): Promise<LookOutcome> => {
    if (!(await holds(transaction, finding, at))) return 'stale';
    if (rebalance === null) {
      const reason = mayMove(view.input) ? reasonText(offer, input.workloads) : ALL_OFF;
      const ended = await supersedeRebalance(transaction, reason);
      if (ended !== null) await tellEnd(transaction, ended, at);
      return 'nothing-pays';
    }
    const outcome = await proposeRebalance(transaction, rebalance);
    if (outcome.kind === 'proposed') await tellProposed(transaction, rebalance, outcome.superseded);
    return outcome.kind;
  });
}

async function expire(context: BrokerContext): Promise<void> {
  const at = context.clock.now();
  await context.store.transaction(async (transaction) => {
    const ended = await expireRebalance(transaction, at);
    if (ended !== null) await tellEnd(transaction, ended, at);
  });
}

async function tellProposed(transaction: Handle, proposed: NewRebalance, former: RebalanceRow | null): Promise<void> {
  const { id, at, rebalance, workloadNames } = proposed;
  const instead = former === null ? '' : ` (in place of ${former.id})`;
  await appendEvent(transaction, {
    ...{ at, type: 'rebalance.proposed', workloadId: null, leaseId: null },
    message: `Rebalance ${id}${instead}: ${rebalanceText(rebalance, workloadNames)}`,
    data: {
      rebalanceId: id,
      superseded: former?.id ?? null,
      ...{ cause: rebalance.cause, moves: rebalance.moves.length },
      costNowMicroUsdPerHour: rebalance.now.costMicroUsdPerHour,
      costAfterMicroUsdPerHour: rebalance.after.costMicroUsdPerHour,
      savedMicroUsdPerHour: rebalance.savedMicroUsdPerHour,
      moveCostMicroUsd: rebalance.moveCostMicroUsd,
      paybackHours: rebalance.paybackHours,
    },
  });
}

async function tellEnd(transaction: Handle, { id, state, stateReason }: RebalanceRow, at: EpochMs): Promise<void> {
  await appendEvent(transaction, {
    ...{ at, type: `rebalance.${state}`, workloadId: null, leaseId: null },
    message: `Rebalance ${id} is ${state}: ${stateReason ?? ''}`,
    data: { rebalanceId: id },
  });
}
