import { globMatches } from '../../domain/workload.ts';
import type { CloudId } from './market-facts.ts';

/** What is down, and what the account may not do. */
export interface Outages {
  set(cloud: CloudId, region: string | null, isDown: boolean): void;
  isDown(cloud: CloudId, region: string | null): boolean;
  setDenied(cloud: CloudId, permissions: readonly string[]): void;
  isDenied(cloud: CloudId, permission: string): boolean;
}

export function createOutages(): Outages {
  const down = new Set<string>();
  const denied = new Map<CloudId, readonly string[]>();

  function keyOf(cloud: CloudId, region: string | null): string {
    return `${cloud}/${region ?? '*'}`;
  }

  return {
    set(cloud, region, isDown) {
      if (isDown) down.add(keyOf(cloud, region));
      else down.delete(keyOf(cloud, region));
    },
    isDown: (cloud, region) => down.has(keyOf(cloud, null)) || (region !== null && down.has(keyOf(cloud, region))),
    setDenied(cloud, permissions) {
      denied.set(cloud, permissions);
    },
    isDenied: (cloud, permission) => (denied.get(cloud) ?? []).some((pattern) => globMatches(pattern, permission)),
  };
}
