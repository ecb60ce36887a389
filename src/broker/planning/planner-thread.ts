import { parentPort } from 'node:worker_threads';
import type { Plan } from '../../domain/plan.ts';
import { planFleet } from '../../planning/plan-fleet.ts';
import { explainPolicy } from '../../planning/policy-explanation.ts';
import { premiumCurve } from '../../planning/premium-curve.ts';
import { rebalanceOffer } from '../../planning/rebalance.ts';
import type { PlannerAnswer, PlannerReply, PlannerRequest, PlannerTask } from './planner-task.ts';

if (parentPort === null) throw new Error('planner-thread.ts runs as a worker thread, not by itself');
const port = parentPort;

type PlanTask = Extract<PlannerTask, { kind: 'plan' }>;

/** The plan; where it takes a long search, the first good one is sent ahead. */
async function planOf(id: number, { input, effort, sendsEarly }: PlanTask): Promise<Plan> {
  if (effort === 'quick' || !sendsEarly) return planFleet(input, { effort });
  const early = await planFleet(input, { effort: 'quick' });
  if (early.effort === 'full') return early;
  const sent: PlannerReply = { id, early };
  port.postMessage(sent);
  return planFleet(input);
}

async function answerTo(id: number, task: PlannerTask): Promise<PlannerAnswer> {
  switch (task.kind) {
    case 'plan':
      return { kind: task.kind, plan: await planOf(id, task) };
    case 'explain-policy':
      return { kind: task.kind, explanation: await explainPolicy(task.input, task.options) };
    case 'premium-curve':
      return { kind: task.kind, curve: await premiumCurve(task.input, task.question, task.options) };
    case 'rebalance':
      return { kind: task.kind, offer: await rebalanceOffer(task.input) };
  }
}

async function reply({ id, task }: PlannerRequest): Promise<PlannerReply> {
  try {
    return { id, answer: await answerTo(id, task) };
  } catch (error) {
    const failure = error instanceof Error ? { message: error.message, stack: error.stack } : undefined;
    return { id, failure: failure ?? { message: String(error), stack: undefined } };
  }
}

port.on('message', (request: PlannerRequest) => {
  void reply(request).then((sent) => port.postMessage(sent));
});
