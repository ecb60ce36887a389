import type { Mutant } from './mutant.ts';

const RULES = 'plan-rules.test.ts';
const WORDS = 'killing.test.ts';
const PRICING = 'pricing.test.ts';

/** Rules on fleets: shares, spread, survival. */
export const RULE_MUTANTS: readonly Mutant[] = [
  {
    what: 'lets a cap be passed by one machine',
    why: 'a cap is a hard limit, and an excess that is there already must not grow',
    file: 'breaches.ts',
    from: 'return excused(kept, capExcess(cap, subject, measure)).excess;',
    to: `return (
    kept.staying.total(measure) / Math.max(1, kept.staying.machineCount) +
    excused(kept, capExcess(cap, subject, measure)).excess
  );`,
    noticedBy: [RULES, 'that break a cap neither block new machines nor let it get worse'],
  },
  {
    what: 'sees no breach of a cap by one machine',
    why: 'explanations would not name the cap that keeps a cheaper place from being taken',
    file: 'breaches.ts',
    from: 'const over = amount - cap.limit * total - keptExcess(kept, cap, subject, measure);',
    to: 'const over = amount - total / ledger.machineCount - cap.limit * total - keptExcess(kept, cap, subject, measure);',
    noticedBy: ['explain.test.ts', 'names the cap that a cheaper place would break'],
  },
  {
    what: 'takes shares of spend, whatever the measure',
    why: 'a policy that counts accelerators must not be kept by buying dearer machines',
    file: 'rules.ts',
    from: '    measure: policy.measure,',
    to: "    measure: 'spend',",
    noticedBy: [RULES, 'measure: accelerators holds machines, not spend'],
  },
  {
    what: 'counts accelerators where accelerator-hours are asked for',
    why: 'a slow machine holds more of the work’s hours than it has accelerators',
    file: 'prune.ts',
    from: "return measure === 'accelerators' ? accelerators : accelerators / choice.throughput;",
    to: 'return accelerators;',
    noticedBy: [WORDS, 'accelerator-hours: a slower machine counts for the longer time it takes'],
  },
  {
    what: 'takes the concentration of spend where shares are of effective cost',
    why: 'the concentration is one of the money that the measure speaks of',
    file: 'rules.ts',
    from: "return measure === 'effective-cost' ? measure : 'spend';",
    to: "return measure === 'effective-cost' ? 'spend' : 'spend';",
    noticedBy: [WORDS, 'effective-cost: chances count in the concentration'],
  },
  {
    what: 'forgets that kept leases may stay past a cap',
    why: 'a cap that the past broke would block every new machine',
    file: 'breaches.ts',
    from: 'return excused(kept, capExcess(cap, subject, measure)).excess;',
    to: 'return 0;',
    noticedBy: [RULES, 'that break a cap neither block new machines nor let it get worse'],
  },
  {
    what: 'rounds what may be lost up',
    why: 'with 3 replicas and half to keep, the loss of 2 keeps a third',
    file: 'rules.ts',
    from: 'return Math.floor((1 - keepShare) * replicas + 1e-9);',
    to: 'return Math.ceil((1 - keepShare) * replicas - 1e-9);',
    noticedBy: [PRICING, 'is floor((1 − keepShare) × replicas), binary fractions notwithstanding'],
  },
  {
    what: 'forgets the replicas that leases hold when it counts what may be lost',
    why: 'a provider that holds its part already would get it once more',
    file: 'option.ts',
    from: 'Math.max(0, limit - (demandClass.keptReplicas[loss].get(subject) ?? 0))',
    to: 'Math.max(0, limit)',
    noticedBy: [RULES, 'count for survive'],
  },
  {
    what: 'ignores the share from which on a provider counts',
    why: 'one small machine at a second provider is no second provider',
    file: 'rules.ts',
    from: 'minProviderShare: policy.minProviderShare,',
    to: 'minProviderShare: 0,',
    noticedBy: [WORDS, 'minProviderShare: a provider counts from that share on'],
  },
  {
    what: 'prunes places without a look at their zones, regions and pools',
    why: 'the dearer place is what keeps the cap on the cheaper one’s zone',
    file: 'prune.ts',
    from: 'this.#placeKeys.of(draft.at)',
    to: "''",
    noticedBy: [RULES, 'maxShare.zone speaks of its own scope only'],
  },
  {
    what: 'prunes dearer machines although caps are on money',
    why: 'a dearer machine elsewhere makes every other share smaller, and may be the only way to keep a cap',
    file: 'prune.ts',
    from: 'if (countsShares(rules)) signature +=',
    to: "if (signature === '') signature +=",
    noticedBy: [RULES, 'a cap on spend may take a dearer machine where no cheaper one keeps it'],
  },
  {
    what: 'enforces rules only above the threshold, not at it',
    why: 'enforceAbove says "at least"',
    file: 'decide.ts',
    from: '>= threshold ? rules',
    to: '> threshold ? rules',
    noticedBy: [RULES, 'below enforceAbove they are told, not enforced'],
  },
  {
    what: 'keeps every rule given up, needed or not',
    why: 'a rule whose giving up placed nothing more must hold again',
    file: 'decide.ts',
    from: 'if (!placesAll(problem, fleet, stricter.optimum, best.optimum)) continue;',
    to: 'if (stricter !== best) continue;',
    noticedBy: [RULES, 'gives rules up in order until everything is placed, and takes back those that did not help'],
  },
  {
    what: 'books the machines of every policy into one fleet',
    why: 'policies do not see each other’s machines',
    file: 'allocation.ts',
    from: 'ledgers[problem.classes[option.classIndex]?.fleet ?? -1]?.add(option.weight, lots);',
    to: 'ledgers[0]?.add(option.weight, lots);',
    noticedBy: [WORDS, 'a policy counts the machines of its own teams only'],
  },
];
