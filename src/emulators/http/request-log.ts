import type { LoggedRequest } from '../world/control-contract.ts';

/** Requests kept; older ones are dropped. */
export const REQUESTS_KEPT = 50_000;

export interface RequestLog {
  add(request: LoggedRequest): void;
  /** Kept requests, oldest first. */
  all(): readonly LoggedRequest[];
  /** Kept requests past number `after` (0 = from the start), and the number to ask with next time. */
  since(after: number): { readonly requests: readonly LoggedRequest[]; readonly next: number };
}

export function createRequestLog(kept: number = REQUESTS_KEPT): RequestLog {
  const requests: LoggedRequest[] = [];
  let dropped = 0;
  return {
    add(request) {
      requests.push(request);
      // Dropping in blocks keeps the cost of one request constant.
      if (requests.length < kept + Math.max(1, kept / 10)) return;
      const surplus = requests.length - kept;
      requests.splice(0, surplus);
      dropped += surplus;
    },
    all: () => requests.slice(-kept),
    since: (after) => ({
      requests: requests.slice(Math.max(0, after - dropped, requests.length - kept)),
      next: dropped + requests.length,
    }),
  };
}
