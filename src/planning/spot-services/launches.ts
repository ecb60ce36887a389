import { type Pool, poolKey, zoneKey } from '../../domain/pool.ts';
import type { PlaceCount, ServiceReplica, ServiceRules } from './service-state.ts';
import { zoneLimit } from './wish.ts';

/** The launches of one decision, which never exceed what their zones have room for. */
export class Launches {
  readonly #counts = new Map<string, { readonly pool: Pool; count: number }>();
  readonly #zones = new Map<string, number>();
  readonly #limit: number;

  /** `replicas`: all that are held, those that leave too. `wished`: how many are to be held in the end. */
  constructor(rules: ServiceRules, replicas: readonly ServiceReplica[], wished: number) {
    for (const { pool } of replicas) this.#zones.set(zoneKey(pool), (this.#zones.get(zoneKey(pool)) ?? 0) + 1);
    const staying = replicas.filter(({ leaving }) => !leaving).length;
    this.#limit = zoneLimit(rules, Math.max(staying, wished) - rules.replicas);
  }

  /** As many of `count` as there is room for; returns how many. */
  add(pool: Pool, count: number): number {
    const zone = zoneKey(pool);
    const inZone = this.#zones.get(zone) ?? 0;
    const fits = Math.max(0, Math.min(count, this.#limit - inZone));
    if (fits === 0) return 0;
    this.#zones.set(zone, inZone + fits);
    const known = this.#counts.get(poolKey(pool));
    if (known === undefined) this.#counts.set(poolKey(pool), { pool, count: fits });
    else known.count += fits;
    return fits;
  }

  /** Gives one spot launch in the zone of `pool` up for one of `pool`; false where there is none. */
  replaceSpot(pool: Pool): boolean {
    const zone = zoneKey(pool);
    const spot = [...this.#counts.values()].findLast(
      (entry) => entry.pool.market === 'spot' && entry.count > 0 && zoneKey(entry.pool) === zone,
    );
    if (spot === undefined) return false;
    spot.count -= 1;
    this.#zones.set(zone, (this.#zones.get(zone) ?? 0) - 1);
    return this.add(pool, 1) === 1;
  }

  spotCount(): number {
    return this.list().reduce((sum, { pool, count }) => sum + (pool.market === 'spot' ? count : 0), 0);
  }

  onDemandCount(): number {
    return this.list().reduce((sum, { pool, count }) => sum + (pool.market === 'spot' ? 0 : count), 0);
  }

  list(): readonly PlaceCount[] {
    return [...this.#counts.values()].filter(({ count }) => count > 0);
  }
}
