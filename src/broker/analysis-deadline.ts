import { ServiceError } from './service.ts';

/** Analyses that take longer are ended from outside: somebody waits for the answer. */
const ANALYSIS_DEADLINE_MS = 300_000;

/** Called once per analysis; the signal aborts when the time is over. */
export type StartDeadline = () => AbortSignal;

export function startAnalysisDeadline(): AbortSignal {
  return AbortSignal.timeout(ANALYSIS_DEADLINE_MS);
}

/** Work that ends with any of the signals, and with `analysis-timeout` and the advice when the time is over. */
export async function inTime<Answer>(
  startDeadline: StartDeadline,
  signals: readonly AbortSignal[],
  advice: string,
  work: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  const deadline = startDeadline();
  try {
    return await work(AbortSignal.any([...signals, deadline]));
  } catch (error) {
    if (error !== deadline.reason || !deadline.aborted) throw error;
    const seconds = ANALYSIS_DEADLINE_MS / 1000;
    throw new ServiceError('analysis-timeout', `Planning took longer than ${seconds} s; ${advice}`);
  }
}
