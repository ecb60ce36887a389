import { type Pool, poolKey, zoneKey } from '../../domain/pool.ts';
import type { PlaceCount, ServiceReplica, ServiceRules } from './service-state.ts';
import { zoneLimit } from './wish.ts';

/** The launches of one decision, which never exceed what their zones have room for. */
export class Launches {
  readonly #counts = new Map<string, { readonly pool: Pool; count: number }>();
  readonly #zones = new Map<string, number>();
  readonly #limit: number;

  /** `replicas`: all that are held, those that leave too. */
  constructor(rules: ServiceRules, replicas: readonly ServiceReplica[]) {
    for (const { pool } of replicas) this.#zones.set(zoneKey(pool), (this.#zones.get(zoneKey(pool)) ?? 0) + 1);
    const staying = replicas.filter(({ leaving }) => !leaving).length;
    this.#limit = zoneLimit(rules, staying - rules.replicas);
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

  onDemandCount(): number {
    return this.list().reduce((sum, { pool, count }) => sum + (pool.market === 'spot' ? 0 : count), 0);
  }

  list(): readonly PlaceCount[] {
    return [...this.#counts.values()];
  }
}
