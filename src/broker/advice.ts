import { WORD_GOOD_FOR_MS } from '../domain/capacity-word.ts';
import type { OfferVerdict, Plan, PlanInput } from '../domain/plan.ts';
import { type Pool, poolKey } from '../domain/pool.ts';
import { explainWorkload } from '../planning/explain.ts';
import type { AdviceQuery, Provider } from '../providers/provider.ts';
import { ProviderError } from '../providers/provider.ts';
import { adviceAskedAt, pruneWords, recordAsked, recordWord } from '../store/capacity-words.ts';
import { getPlanInput, latestPlan } from '../store/plans.ts';
import { callProvider, READ_LIMITS } from './call-provider.ts';
import type { BrokerContext } from './context.ts';

/** Clouds ration these questions (AWS: distinct ones a day), so few pools are asked about … */
const POOLS_A_PROVIDER = 12;
/** … each at most this often. */
const ASK_AGAIN_MS = 30 * 60_000;
/** The cheapest alternatives of a workload: where it may go next. */
const FINALISTS_A_WORKLOAD = 6;
/** Explaining costs time; workloads that are held come first. */
const MOST_WORKLOADS = 20;

type AskedPool = AdviceQuery['pools'][number];

/** Verdicts that time or a small change may turn. What a rule forbids is no finalist. */
const FINALIST_VERDICTS: readonly OfferVerdict[] = ['chosen', 'dearer', 'over-cap', 'sold-out', 'no-headroom'];

/**
 * Asks each cloud that gives advice about the finalists, in one call a cloud, and keeps what it says. A cloud that fails or hangs delays
 * no other. Returns how many pools were asked about.
 */
export async function askForAdvice(context: BrokerContext): Promise<number> {
  const advisers = [...context.providers.values()].filter(({ adviseCapacity }) => adviseCapacity !== undefined);
  if (advisers.length === 0) return 0;
  await pruneWords(context.store.database, context.clock.now() - WORD_GOOD_FOR_MS);
  const plan = await latestPlan(context.store.database);
  const input = plan === null ? null : await getPlanInput(context.store.database, plan.id);
  if (plan === null || input === null) return 0;
  const finalists = finalistsOf(input, plan.plan);
  const asked = await Promise.all(advisers.map((provider) => askOne(context, provider, finalists)));
  return asked.reduce((total, count) => total + count, 0);
}

/** Pools where the plan's workloads are, or may go next, cheapest first in turn; `count` is what one replica takes. Pure. */
export function finalistsOf(input: PlanInput, plan: Plan): readonly AskedPool[] {
  const held = new Set(plan.held.map(({ workloadId }) => workloadId));
  const workloads = input.workloads
    .toSorted((a, b) => Number(held.has(b.id)) - Number(held.has(a.id)) || (a.id < b.id ? -1 : 1))
    .slice(0, MOST_WORKLOADS);
  const ranked = workloads.map(({ id, spec }) =>
    explainWorkload(input, plan, id)
      .alternatives.filter(({ verdict }) => FINALIST_VERDICTS.includes(verdict))
      .slice(0, FINALISTS_A_WORKLOAD)
      .map(({ pool, accelerator, acceleratorCount }) => {
        const choice = spec.accelerators.find((one) => one.accelerator === accelerator);
        return { pool, count: Math.max(1, Math.ceil((choice?.count ?? 1) / acceleratorCount)) };
      }),
  );
  const pools = new Map<string, AskedPool>();
  for (let rank = 0; rank < FINALISTS_A_WORKLOAD; rank += 1) {
    for (const asked of ranked.flatMap((alternatives) => alternatives[rank] ?? [])) {
      const former = pools.get(poolKey(asked.pool));
      pools.set(poolKey(asked.pool), { ...asked, count: Math.max(asked.count, former?.count ?? 0) });
    }
  }
  return [...pools.values()];
}

async function askOne(context: BrokerContext, provider: Provider, finalists: readonly AskedPool[]): Promise<number> {
  const { database } = context.store;
  const now = context.clock.now();
  const askedAt = await adviceAskedAt(database, provider.id);
  const due = finalists
    .filter(({ pool }) => pool.provider === provider.id)
    .slice(0, POOLS_A_PROVIDER)
    .filter(({ pool }) => now - (askedAt.get(poolKey(pool)) ?? Number.NEGATIVE_INFINITY) >= ASK_AGAIN_MS);
  if (due.length === 0) return 0;
  await recordAsked(
    database,
    due.map(({ pool }): Pool => pool),
    now,
  );
  try {
    const advice = await callProvider(context, { ...READ_LIMITS, repeats: 0 }, async (call) =>
      provider.adviseCapacity === undefined ? [] : provider.adviseCapacity({ pools: due }, call),
    );
    for (const { pool, ...word } of advice) await recordWord(database, pool, word);
  } catch (error) {
    if (context.signal.aborted) throw error;
    if (!(error instanceof ProviderError) && !(error instanceof DOMException)) throw error;
    context.logger.warn({ provider: provider.id, error: error.message }, 'A cloud gave no advice on capacity');
  }
  return due.length;
}
