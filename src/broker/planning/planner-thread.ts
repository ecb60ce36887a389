import { parentPort } from 'node:worker_threads';
import type { Plan, PlanInput } from '../../domain/plan.ts';
import { planFleet } from '../../planning/plan-fleet.ts';

/** What the planner's thread is asked: one plan at a time, in order. */
export interface PlanRequest {
  readonly id: number;
  readonly input: PlanInput;
}

export type PlanReply =
  | { readonly id: number; readonly plan: Plan }
  | { readonly id: number; readonly failure: { readonly message: string; readonly stack: string | undefined } };

if (parentPort === null) throw new Error('planner-thread.ts runs as a worker thread, not by itself');
const port = parentPort;

async function answer({ id, input }: PlanRequest): Promise<PlanReply> {
  try {
    return { id, plan: await planFleet(input) };
  } catch (error) {
    const failure = error instanceof Error ? { message: error.message, stack: error.stack } : undefined;
    return { id, failure: failure ?? { message: String(error), stack: undefined } };
  }
}

port.on('message', (request: PlanRequest) => {
  void answer(request).then((reply) => port.postMessage(reply));
});
