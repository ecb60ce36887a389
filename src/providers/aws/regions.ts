import type { Call, ProviderError, RegionOutcome } from '../provider.ts';
import { errorOf, providerError } from './errors.ts';

/** Regions asked at once: a bound on sockets and on bursts against the account's request limits. */
const REGIONS_AT_ONCE = 4;

export interface RegionResults<Result> {
  readonly results: readonly Result[];
  readonly regions: readonly RegionOutcome[];
}

/**
 * Asks every region; one that fails is named and does not spoil the others. Results come in the order of `regions`. Throws only
 * the signal's reason.
 */
export async function askRegions<Result>(
  regions: readonly string[],
  configured: readonly string[],
  call: Call,
  askOne: (region: string) => Promise<Result>,
): Promise<RegionResults<Result>> {
  const answers = new Map<string, { readonly result: Result } | { readonly error: ProviderError }>();
  const wanted = [...new Set(regions)];
  const waiting = [...wanted];

  async function work(): Promise<void> {
    for (let region = waiting.shift(); region !== undefined; region = waiting.shift()) {
      try {
        if (!configured.includes(region)) throw unknownRegion(region);
        answers.set(region, { result: await askOne(region) });
      } catch (thrown) {
        call.signal.throwIfAborted();
        answers.set(region, { error: errorOf(thrown, { operation: 'region', mutating: false }) });
      }
    }
  }

  await Promise.all(Array.from({ length: Math.min(REGIONS_AT_ONCE, wanted.length) }, work));
  return {
    results: wanted.flatMap((region) => {
      const answer = answers.get(region);
      return answer !== undefined && 'result' in answer ? [answer.result] : [];
    }),
    regions: wanted.map((region) => {
      const answer = answers.get(region);
      const error = answer !== undefined && 'error' in answer ? answer.error : null;
      return { region, complete: error === null, error };
    }),
  };
}

export function unknownRegion(region: string): ProviderError {
  return providerError(
    { operation: 'region', mutating: false },
    'invalid-request',
    '',
    `region ${region} is not among the configured regions`,
  );
}
