import { type Call, ProviderError, type RegionOutcome } from '../provider.ts';

/** One answer of Lambda's holds all regions: where it fails, it fails for each of those asked. */
export async function ofEachRegion<T extends object>(
  regions: readonly string[],
  call: Call,
  read: () => Promise<T>,
  nothing: T,
): Promise<T & { readonly regions: readonly RegionOutcome[] }> {
  try {
    const found = await read();
    return { ...found, regions: regions.map((region) => ({ region, complete: true, error: null })) };
  } catch (error) {
    call.signal.throwIfAborted();
    if (!(error instanceof ProviderError)) throw error;
    return { ...nothing, regions: regions.map((region) => ({ region, complete: false, error })) };
  }
}
