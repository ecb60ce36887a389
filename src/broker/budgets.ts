import { formatUsd, type MicroUsd, type MicroUsdPerHour } from '../domain/money.ts';
import type { TeamBudget } from '../domain/plan.ts';
import type { Budget, Policy } from '../domain/policy.ts';
import type { EpochMs } from '../domain/time.ts';
import { appendEvent } from '../store/events.ts';
import type { Handle } from '../store/open-store.ts';
import { policiesInForce } from '../store/policies.ts';
import { listTeamUse, markBudgetAlert, type TeamUse } from '../store/team-use.ts';
import type { BrokerContext } from './context.ts';

/** A calendar month in UTC: from its first instant to that of the next, which is no longer of it. */
export interface Month {
  readonly from: EpochMs;
  readonly to: EpochMs;
}

export function monthOf(at: EpochMs): Month {
  const date = new Date(at);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return { from: Date.UTC(year, month), to: Date.UTC(year, month + 1) };
}

const MS_PER_HOUR = 3_600_000n;

/** What these leases have cost since the month began, up to `at`: adjusted price × the time from launch to gone. Rounded up. */
export function spentInMonth(uses: readonly TeamUse[], at: EpochMs): MicroUsd {
  const { from } = monthOf(at);
  let total = 0n;
  for (const { adjustedPriceMicroUsdPerHour, launchedAt, goneAt } of uses) {
    if (launchedAt === null) continue;
    const ms = Math.min(goneAt ?? at, at) - Math.max(launchedAt, from);
    // Exact: price × milliseconds goes past what a number holds exactly.
    if (ms > 0) total += BigInt(adjustedPriceMicroUsdPerHour) * BigInt(ms);
  }
  return Number((total + MS_PER_HOUR - 1n) / MS_PER_HOUR);
}

/** What the rest of the money allows an hour until the month ends, rounded down; 0 where nothing is left. */
export function affordableRate(limit: MicroUsd, spent: MicroUsd, at: EpochMs): MicroUsdPerHour {
  if (spent >= limit) return 0;
  const left = BigInt(limit - spent) * MS_PER_HOUR;
  const rate = left / BigInt(monthOf(at).to - at);
  // In the last moments of a month a little money allows any rate.
  return rate > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(rate);
}

/** What the month will have cost at its end if all that is wanted now runs on. Rounded up. */
export function monthEndSpend(uses: readonly TeamUse[], at: EpochMs): MicroUsd {
  const committed = uses
    .filter(({ wanted, goneAt }) => wanted && goneAt === null)
    .reduce((sum, use) => sum + BigInt(use.adjustedPriceMicroUsdPerHour), 0n);
  const rest = committed * BigInt(monthOf(at).to - at);
  return spentInMonth(uses, at) + Number((rest + MS_PER_HOUR - 1n) / MS_PER_HOUR);
}

/** The smallest budget of each team with this action, whichever policy states it, by team. */
function budgetsOf(policies: readonly Policy[], action: Budget['action']): readonly Budget[] {
  const smallest = new Map<string, Budget>();
  for (const budget of policies.flatMap(({ budgets }) => budgets)) {
    const other = smallest.get(budget.team);
    if (budget.action !== action || (other !== undefined && other.limitMicroUsd <= budget.limitMicroUsd)) continue;
    smallest.set(budget.team, budget);
  }
  return [...smallest.values()].toSorted((a, b) => (a.team < b.team ? -1 : 1));
}

async function usesByTeam(handle: Handle, budgets: readonly Budget[], at: EpochMs) {
  const teams = budgets.map(({ team }) => team);
  const byTeam = Map.groupBy(await listTeamUse(handle, teams, monthOf(at).from), ({ team }) => team);
  return (team: string): readonly TeamUse[] => byTeam.get(team) ?? [];
}

/** What the refusing budgets of these policies leave each team an hour, as the planner is held to it. */
export async function readTeamBudgets(
  handle: Handle,
  policies: readonly Policy[],
  at: EpochMs,
): Promise<readonly TeamBudget[]> {
  const budgets = budgetsOf(policies, 'refuse');
  const usesOf = await usesByTeam(handle, budgets, at);
  return budgets.map(({ team, limitMicroUsd }) => ({
    team,
    limitMicroUsdPerHour: affordableRate(limitMicroUsd, spentInMonth(usesOf(team), at), at),
  }));
}

/** Tells, once per team and month, of each alerting budget that will not last: an event `budget.exceeded`. */
export async function watchBudgets(context: BrokerContext): Promise<void> {
  const at = context.clock.now();
  await context.store.transaction(async (transaction) => {
    const policies = (await policiesInForce(transaction)).map(({ policy }) => policy);
    const budgets = budgetsOf(policies, 'alert');
    const usesOf = await usesByTeam(transaction, budgets, at);
    for (const { team, limitMicroUsd } of budgets) {
      const uses = usesOf(team);
      const expected = monthEndSpend(uses, at);
      const month = monthOf(at).from;
      if (expected <= limitMicroUsd || !(await markBudgetAlert(transaction, team, month, at))) continue;
      const spent = spentInMonth(uses, at);
      await appendEvent(transaction, {
        ...{ at, type: 'budget.exceeded', workloadId: null, leaseId: null },
        message:
          `Team ${team} will have spent ${formatUsd(expected)} $ by the end of the month, past its budget of ` +
          `${formatUsd(limitMicroUsd)} $: ${formatUsd(spent)} $ are spent, and what runs goes on`,
        data: { team, month, limitMicroUsd, spentMicroUsd: spent, expectedMicroUsd: expected },
      });
    }
  });
}
