import type { Response } from 'express';

/** Aborts when the caller goes away: nobody waits for the answer any more. */
export function callerSignal(response: Response): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort(new Error('the caller has gone')));
  return gone.signal;
}
