import { Worker } from 'node:worker_threads';
import type { Plan, PlanInput } from '../../domain/plan.ts';
import type { CurveQuestion, PolicyExplanation, PremiumCurve } from '../../domain/plan-analysis.ts';
import type { AnalysisOptions } from '../../planning/analysis-input.ts';
import type { ExplanationOptions } from '../../planning/policy-explanation.ts';
import type { RebalanceOffer } from '../../planning/rebalance.ts';
import type { PlannerAnswer, PlannerReply, PlannerRequest, PlannerTask } from './planner-task.ts';

/**
 * Plans in a thread of its own, so that a long solve never holds up anything else. One task after another, in the order asked for. Each
 * rejects with the signal's reason as soon as it aborts: a solve cannot be interrupted, so its thread is ended and the next task starts
 * a new one. Each rejects with an Error when planning fails. Nobody waits for background work: it goes last, and what comes meanwhile ends it.
 */
export interface Planner {
  /**
   * With a deadline, the first good answer (`effort: 'quick'`, with its proven bound) is given where the search takes longer than that; its
   * thread is ended then. Time before its turn does not count.
   */
  plan(input: PlanInput, signal?: AbortSignal, options?: PlanTaskOptions): Promise<Plan>;
  explainPolicy(input: PlanInput, options: ExplanationOptions, signal?: AbortSignal): Promise<PolicyExplanation>;
  premiumCurve(
    input: PlanInput,
    question: CurveQuestion,
    options: AnalysisOptions,
    signal?: AbortSignal,
  ): Promise<PremiumCurve>;
  /**
   * What moving running leases would bring; null where nothing would move. In the background it rejects with {@link GivenUp} as soon as
   * anything else is asked for: ask again later.
   */
  rebalance(input: PlanInput, signal?: AbortSignal, options?: RebalanceTaskOptions): Promise<RebalanceOffer | null>;
  /** Ends the thread; tasks under way or waiting reject. */
  close(): Promise<void>;
}

export interface PlanTaskOptions {
  /** Milliseconds after which a good answer will do; null (default) waits for the proved one. */
  readonly deadlineMs?: number | null;
  /** As in planning; `full` by default. */
  readonly effort?: Plan['effort'];
}

export interface RebalanceTaskOptions {
  /** False by default. */
  readonly isBackground?: boolean;
}

/** Background work made way for something that somebody waits for. */
export class GivenUp extends Error {
  override readonly name = 'GivenUp';
  constructor() {
    super('given up for planning that somebody waits for');
  }
}

interface Waiting {
  readonly id: number;
  readonly task: PlannerTask;
  readonly deadlineMs: number | null;
  readonly isBackground: boolean;
  readonly resolve: (answer: PlannerAnswer) => void;
  readonly reject: (reason: unknown) => void;
  /** Stops listening to the caller's signal. */
  readonly release: () => void;
}

export function createPlanner(): Planner {
  return new ThreadPlanner();
}

class ThreadPlanner implements Planner {
  #worker: Worker | null = null;
  #running: Waiting | null = null;
  /** Of the running task: its good answer so far, and whether its deadline has passed. */
  #early: Plan | null = null;
  #isLate = false;
  #timer: NodeJS.Timeout | null = null;
  #queue: Waiting[] = [];
  #lastId = 0;
  #closed = false;

  async plan(input: PlanInput, signal?: AbortSignal, options: PlanTaskOptions = {}): Promise<Plan> {
    const deadlineMs = options.deadlineMs ?? null;
    const effort = options.effort ?? 'full';
    const answer = await this.#ask(
      { kind: 'plan', input, effort, sendsEarly: deadlineMs !== null },
      signal,
      deadlineMs,
    );
    if (answer.kind !== 'plan') throw unasked(answer);
    return answer.plan;
  }

  async explainPolicy(input: PlanInput, options: ExplanationOptions, signal?: AbortSignal): Promise<PolicyExplanation> {
    const answer = await this.#ask({ kind: 'explain-policy', input, options }, signal);
    if (answer.kind !== 'explain-policy') throw unasked(answer);
    return answer.explanation;
  }

  async premiumCurve(
    input: PlanInput,
    question: CurveQuestion,
    options: AnalysisOptions,
    signal?: AbortSignal,
  ): Promise<PremiumCurve> {
    const answer = await this.#ask({ kind: 'premium-curve', input, question, options }, signal);
    if (answer.kind !== 'premium-curve') throw unasked(answer);
    return answer.curve;
  }

  async rebalance(
    input: PlanInput,
    signal?: AbortSignal,
    { isBackground = false }: RebalanceTaskOptions = {},
  ): Promise<RebalanceOffer | null> {
    const answer = await this.#ask({ kind: 'rebalance', input }, signal, null, isBackground);
    if (answer.kind !== 'rebalance') throw unasked(answer);
    return answer.offer;
  }

  #ask(
    task: PlannerTask,
    signal: AbortSignal | undefined,
    deadlineMs: number | null = null,
    isBackground = false,
  ): Promise<PlannerAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new Error('the planner is closed');
      signal?.throwIfAborted();
      this.#lastId += 1;
      const id = this.#lastId;
      const abort = (): void => this.#abandon(id, signal?.reason);
      signal?.addEventListener('abort', abort, { once: true });
      const release = (): void => signal?.removeEventListener('abort', abort);
      this.#queue.push({ id, task, deadlineMs, isBackground, resolve, reject, release });
      if (!isBackground) this.#makeWay();
      this.#next();
    });
  }

  /** Gives up a running background task; its thread is ended, since a solve cannot be interrupted. */
  #makeWay(): void {
    const running = this.#running;
    if (running?.isBackground !== true) return;
    running.release();
    this.#abandon(running.id, new GivenUp());
  }

  async close(): Promise<void> {
    this.#closed = true;
    const left = this.#running === null ? this.#queue : [this.#running, ...this.#queue];
    this.#finish();
    this.#queue = [];
    for (const waiting of left) {
      waiting.release();
      waiting.reject(new Error('the planner is closed'));
    }
    await this.#endThread();
  }

  #next(): void {
    if (this.#running !== null) return;
    const first = this.#queue.findIndex(({ isBackground }) => !isBackground);
    const [next] = this.#queue.splice(Math.max(0, first), 1);
    if (next === undefined) {
      // An idle thread must not keep the process alive.
      this.#worker?.unref();
      return;
    }
    this.#running = next;
    this.#startClock(next);
    this.#worker ??= this.#startThread();
    this.#worker.ref();
    const request: PlannerRequest = { id: next.id, task: next.task };
    this.#worker.postMessage(request);
  }

  #startThread(): Worker {
    const worker = new Worker(new URL('./planner-thread.ts', import.meta.url));
    worker.on('message', (reply: PlannerReply) => {
      if (worker === this.#worker) this.#settle(reply);
    });
    worker.on('error', (error) => this.#lose(worker, new Error('the planning thread failed', { cause: error })));
    worker.on('exit', (code) => this.#lose(worker, new Error(`the planning thread ended with code ${code}`)));
    return worker;
  }

  #startClock({ deadlineMs }: Waiting): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#early = null;
    this.#isLate = false;
    if (deadlineMs === null) return;
    this.#timer = setTimeout(() => {
      this.#isLate = true;
      this.#settleEarly();
    }, deadlineMs);
  }

  /** Once the deadline has passed and there is a good answer, it is the answer. */
  #settleEarly(): void {
    const running = this.#running;
    const plan = this.#early;
    if (running === null || plan === null || !this.#isLate) return;
    this.#finish();
    void this.#endThread();
    running.release();
    running.resolve({ kind: 'plan', plan });
    this.#next();
  }

  #finish(): void {
    this.#running = null;
    this.#early = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #settle(reply: PlannerReply): void {
    const running = this.#running;
    if (running === null || running.id !== reply.id) return;
    if ('early' in reply) {
      this.#early = reply.early;
      this.#settleEarly();
      return;
    }
    this.#finish();
    running.release();
    if ('answer' in reply) running.resolve(reply.answer);
    else running.reject(new Error(`planning failed: ${reply.failure.message}`, { cause: reply.failure.stack }));
    this.#next();
  }

  /** The thread is gone without having been told to: what it worked on fails, what waits goes to a new one. */
  #lose(worker: Worker, error: Error): void {
    if (worker !== this.#worker) return;
    this.#worker = null;
    const running = this.#running;
    this.#finish();
    running?.release();
    running?.reject(error);
    this.#next();
  }

  #abandon(id: number, reason: unknown): void {
    if (this.#running?.id === id) {
      const { reject } = this.#running;
      this.#finish();
      void this.#endThread();
      reject(reason);
      this.#next();
      return;
    }
    const waiting = this.#queue.find((entry) => entry.id === id);
    this.#queue = this.#queue.filter((entry) => entry.id !== id);
    waiting?.reject(reason);
  }

  async #endThread(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    await worker?.terminate();
  }
}

function unasked({ kind }: PlannerAnswer): Error {
  return new Error(`the planning thread answered with a ${kind}, which was not asked for`);
}
