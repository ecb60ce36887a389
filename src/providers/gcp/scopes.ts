import type { RegionOutcome } from '../provider.ts';
import { unreachableZones } from './errors.ts';

/** `zones/us-central1-a`, or a URL that ends so → `us-central1-a`. */
export function lastSegment(reference: string): string {
  return reference.split('/').at(-1) ?? reference;
}

/** `us-central1-a` → `us-central1` */
export function regionOfZone(zone: string): string {
  return zone.slice(0, zone.lastIndexOf('-'));
}

/** Stands for every zone: something did not answer, and the page does not say what. */
export const EVERY_ZONE = '*';

interface Warned {
  readonly warning?: { readonly code: string } | null | undefined;
}

/** The one warning after which a list is still whole. */
const HARMLESS = 'NO_RESULTS_ON_PAGE';

/**
 * A warning of any other code leaves a list in doubt: `UNREACHABLE`, `LIST_OVERHEAD_QUOTA_EXCEED`, or a code that is new, which the SDK
 * turns into nothing at all.
 */
function isInDoubt({ warning }: Warned): boolean {
  return warning !== null && warning !== undefined && warning.code !== HARMLESS;
}

/** Zones and regions of a page that did not answer: listed as unreachable, or with a warning that says so. */
export function unreachableScopes(
  page: Warned & { readonly unreachables: readonly string[]; readonly items: Readonly<Record<string, Warned>> },
): readonly string[] {
  const warned = Object.entries(page.items).flatMap(([scope, scoped]) => (isInDoubt(scoped) ? [scope] : []));
  const named = [...page.unreachables, ...warned].map(lastSegment);
  return named.length === 0 && isInDoubt(page) ? [EVERY_ZONE] : named;
}

/** Those of the silent scopes that belong to the region. */
export function silentIn(region: string, silent: readonly string[]): readonly string[] {
  return silent.filter((scope) => scope === EVERY_ZONE || scope === region || regionOfZone(scope) === region);
}

/** How a region answered a list of which these zones and regions are missing. */
export function outcomeOf(operation: string, region: string, silent: readonly string[]): RegionOutcome {
  const missing = silentIn(region, silent);
  if (missing.length === 0) return { region, complete: true, error: null };
  return { region, complete: false, error: unreachableZones(operation, missing) };
}
