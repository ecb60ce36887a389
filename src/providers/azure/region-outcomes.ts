import type { Call, RegionOutcome } from '../provider.ts';
import { ProviderError } from '../provider.ts';

/** Reads one region; a ProviderError becomes its outcome, anything else (an abort, a bug of ours) goes on up. */
export async function outcomeOf(region: string, call: Call, read: () => Promise<void>): Promise<RegionOutcome> {
  try {
    await read();
    return { region, complete: true, error: null };
  } catch (error) {
    call.signal.throwIfAborted();
    if (error instanceof ProviderError) return { region, complete: false, error };
    throw error;
  }
}
