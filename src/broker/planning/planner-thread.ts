import { parentPort } from 'node:worker_threads';
import { planFleet } from '../../planning/plan-fleet.ts';
import { explainPolicy } from '../../planning/policy-explanation.ts';
import { premiumCurve } from '../../planning/premium-curve.ts';
import type { PlannerAnswer, PlannerReply, PlannerRequest, PlannerTask } from './planner-task.ts';

if (parentPort === null) throw new Error('planner-thread.ts runs as a worker thread, not by itself');
const port = parentPort;

async function answerTo(task: PlannerTask): Promise<PlannerAnswer> {
  switch (task.kind) {
    case 'plan':
      return { kind: task.kind, plan: await planFleet(task.input) };
    case 'explain-policy':
      return { kind: task.kind, explanation: await explainPolicy(task.input, task.options) };
    case 'premium-curve':
      return { kind: task.kind, curve: await premiumCurve(task.input, task.question, task.options) };
  }
}

async function reply({ id, task }: PlannerRequest): Promise<PlannerReply> {
  try {
    return { id, answer: await answerTo(task) };
  } catch (error) {
    const failure = error instanceof Error ? { message: error.message, stack: error.stack } : undefined;
    return { id, failure: failure ?? { message: String(error), stack: undefined } };
  }
}

port.on('message', (request: PlannerRequest) => {
  void reply(request).then((sent) => port.postMessage(sent));
});
