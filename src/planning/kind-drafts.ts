import type { DemandClass } from './demand.ts';
import { kindOf } from './demand.ts';
import type { Supply } from './eligibility.ts';
import type { Fleet } from './fleets.ts';
import type { MarketView } from './market-view.ts';
import { fleetOf } from './option.ts';
import { draftsOf } from './problem.ts';
import type { Draft } from './prune.ts';
import { Exhaustive, PlaceKeys, Signatures } from './prune.ts';
import { rulesOf } from './rules.ts';
import { shapeOf } from './shape.ts';

/** Free machines stay known: an offer that can run out must not stand in for others. */
const UNLIMITED: Supply = {
  headroom: () => Number.POSITIVE_INFINITY,
  available: ({ offer }) => (offer.availableCount === null ? null : Number.POSITIVE_INFINITY),
};

/** A place that rules allow to a kind of class, with what tells whether another makes it needless. */
interface Place {
  readonly draft: Draft;
  readonly rows: string;
  readonly withQuotas: string;
  isOpen: boolean;
}

interface Kind {
  /** Every place that was open when the kind was seen first, in the order of preference. */
  readonly places: readonly Place[];
  /** Those of them that a plan may need; null = to be found anew. */
  needed: readonly Draft[] | null;
}

/**
 * The drafts that classes may need, found once for each kind of class, in a market where places sell out one after another. What is
 * needed does not depend on quotas and free machines of the moment.
 */
export class KindDrafts {
  readonly #placeKeys: ReadonlyMap<Fleet['policy'], PlaceKeys>;
  readonly #budgetedTeams: ReadonlySet<string>;
  readonly #kinds = new Map<string, Kind>();
  /** Kinds whose replicas may share a machine: how many of them do depends on how many a workload has to place. */
  readonly #sharing = new Map<string, boolean>();

  constructor(policies: readonly Fleet['policy'][], budgetedTeams: ReadonlySet<string>) {
    this.#placeKeys = new Map(policies.map((policy) => [policy, new PlaceKeys(rulesOf(policy))]));
    this.#budgetedTeams = budgetedTeams;
  }

  /** Not for classes that complete a gang. */
  of(fleets: readonly Fleet[], market: MarketView, demandClass: DemandClass): readonly Draft[] {
    const name = this.#nameOf(market, demandClass);
    const kind = this.#kinds.get(name) ?? { places: this.#placesOf(fleets, market, demandClass), needed: null };
    this.#kinds.set(name, kind);
    kind.needed ??= neededOf(kind.places);
    return kind.needed;
  }

  /** The places of these offers are sold out now. */
  close(offers: ReadonlySet<string>): void {
    for (const kind of this.#kinds.values()) {
      for (const place of kind.places) {
        if (!place.isOpen || !offers.has(place.draft.at.key)) continue;
        place.isOpen = false;
        if (kind.needed?.includes(place.draft)) kind.needed = null;
      }
    }
  }

  /** What is known of every kind is not true any more. */
  clear(): void {
    this.#kinds.clear();
    this.#sharing.clear();
  }

  #nameOf(market: MarketView, demandClass: DemandClass): string {
    const kind = kindOf(demandClass);
    const shares = this.#sharing.get(kind) ?? mayShare(market, demandClass);
    this.#sharing.set(kind, shares);
    return shares ? `${demandClass.members[0]?.replicas.length ?? 0} ${kind}` : kind;
  }

  #placesOf(fleets: readonly Fleet[], market: MarketView, demandClass: DemandClass): readonly Place[] {
    const { policy } = fleetOf(fleets, demandClass);
    const rules = rulesOf(policy);
    const budgeted = this.#budgetedTeams.has(demandClass.spec.team);
    const keys = this.#placeKeys.get(policy) ?? new PlaceKeys(rules);
    const signatures = new Signatures(demandClass, rules, budgeted, keys);
    return draftsOf(fleets, market, UNLIMITED, demandClass).map((draft) => {
      const rows = signatures.rowsOf(draft);
      return { draft, rows, withQuotas: signatures.withQuotas(draft, rows), isOpen: true };
    });
  }
}

function mayShare(market: MarketView, { spec }: DemandClass): boolean {
  return spec.accelerators.some((choice) => {
    const offers = market.byAccelerator.get(choice.accelerator) ?? [];
    return offers.some(({ offer }) => (shapeOf(choice, offer.acceleratorCount)?.replicasPerMachine ?? 1) > 1);
  });
}

function neededOf(places: readonly Place[]): readonly Draft[] {
  const before = new Exhaustive();
  return places.flatMap(({ draft, rows, withQuotas, isOpen }) =>
    isOpen && before.leavesNeed(rows, withQuotas, UNLIMITED.available(draft.at) !== null) ? [draft] : [],
  );
}
