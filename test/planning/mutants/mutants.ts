/** One wrong change to the planner, and the test that must notice it. */
export interface Mutant {
  /** In words: the planner that … */
  readonly what: string;
  /** Why it is a bug. */
  readonly why: string;
  /** Under `src/planning`. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly from: string;
  readonly to: string;
  /** A file under `test/planning`, and the title of the test in it. */
  readonly noticedBy: readonly [file: string, title: string];
}

const RULES = 'plan-rules.test.ts';
const WORDS = 'killing.test.ts';
const MOVES = 'moves.test.ts';
const PRICING = 'pricing.test.ts';

/** Rules on fleets: shares, spread, survival. */
const RULE_MUTANTS: readonly Mutant[] = [
  {
    what: 'lets a cap be passed by one machine',
    why: 'a cap is a hard limit, and an excess that is there already must not grow',
    file: 'breaches.ts',
    from: 'return Math.max(0, kept.amount(cap.scope, subject, measure) - cap.limit * kept.total(measure));',
    to: `return (
    kept.total(measure) / Math.max(1, kept.machineCount) +
    Math.max(0, kept.amount(cap.scope, subject, measure) - cap.limit * kept.total(measure))
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
    from: 'return Math.max(0, kept.amount(cap.scope, subject, measure) - cap.limit * kept.total(measure));',
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
    from: 'placeKeys.of(draft.at)',
    to: "''",
    noticedBy: [RULES, 'maxShare.zone speaks of its own scope only'],
  },
  {
    what: 'prunes dearer machines although caps are on money',
    why: 'a dearer machine elsewhere makes every other share smaller, and may be the only way to keep a cap',
    file: 'prune.ts',
    from: 'if (byShare) signature +=',
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

/** What is placed and at what cost: demand, supply, prices, proofs, order. */
const PLACING_MUTANTS: readonly Mutant[] = [
  {
    what: 'takes each machine of a gang for a replica',
    why: 'a gang is one replica, however many machines it needs',
    file: 'candidates.ts',
    from: 'fill: fixed ? option.replicasPerLot : null,',
    to: 'fill: fixed ? Math.max(option.replicasPerLot, option.machinesPerLot) : null,',
    noticedBy: [WORDS, 'serves one replica with each gang'],
  },
  {
    what: 'counts one machine of a gang against quotas',
    why: 'two gangs that share a quota would both be bought',
    file: 'candidates.ts',
    from: 'units * machinesPerLot]);',
    to: 'units]);',
    noticedBy: [WORDS, 'is shared by gangs with all their machines'],
  },
  {
    what: 'leaves the last units of a quota unused',
    why: 'headroom is what may be used, not what must stay free',
    file: 'eligibility.ts',
    from: 'claim.units * shape.machinesPerReplica > supply.headroom(claim.quota)',
    to: 'claim.units * shape.machinesPerReplica >= supply.headroom(claim.quota)',
    noticedBy: [WORDS, 'is used up to the last unit of a quota, and not past it'],
  },
  {
    what: 'puts replicas of several workloads on one machine',
    why: 'a machine serves one workload',
    file: 'problem.ts',
    from: 'options.some(({ replicasPerLot }) => replicasPerLot > 1) ||',
    to: '',
    noticedBy: [WORDS, 'belong to one of several alike workloads'],
  },
  {
    what: 'reverses the priorities',
    why: 'the highest priority goes first',
    file: 'optimise.ts',
    from: 'new Set(classes.map(({ spec }) => spec.priority))].toSorted((a, b) => b - a)',
    to: 'new Set(classes.map(({ spec }) => spec.priority))].toSorted((a, b) => a - b)',
    noticedBy: [RULES, 'goes to the higher priority first'],
  },
  {
    what: 'forgets egress',
    why: 'a machine far from its data costs more than its price',
    file: 'pricing.ts',
    from: 'return data.gbPerHour * machines * policy.egressMicroUsdPerGb;',
    to: 'return 0;',
    noticedBy: [WORDS, 'counts what reading from home costs'],
  },
  {
    what: 'counts the interruptions of one machine of a gang',
    why: 'a gang stops when any of its machines is taken',
    file: 'pricing.ts',
    from: 'const interruption = 1 + offer.interruptionsPerHour * machines * RESTART_LOSS_HOURS;',
    to: 'const interruption = 1 + offer.interruptionsPerHour * RESTART_LOSS_HOURS;',
    noticedBy: [PRICING, 'is price × machines ÷ throughput ÷ chance × interruptions of all machines'],
  },
  {
    what: 'adjusts the prices of all markets by an agreement on one',
    why: 'capacity that is paid for makes no spot machine cheaper',
    file: 'pricing.ts',
    from: '(market == null || market === pool.market) && globMatches(match, name)',
    to: 'globMatches(match, name)',
    noticedBy: [
      PRICING,
      'of a market holds in that market only, so that paid capacity counts as nearly free and the rest in full',
    ],
  },
  {
    what: 'takes the plan’s own cost for that without rules',
    why: 'every premium would be 0',
    file: 'plan-record.ts',
    from: "const unconstrained = Math.min(cost, free.total('spend'));",
    to: 'const unconstrained = cost;',
    noticedBy: [RULES, 'the premium is what the rules cost'],
  },
  {
    what: 'counts kept leases twice in the bound',
    why: 'a bound above the cost proves nothing',
    file: 'plan-record.ts',
    from: 'const effectiveBound = given + planned.effectiveBound;',
    to: 'const effectiveBound = given + given + planned.effectiveBound;',
    noticedBy: [WORDS, 'has a bound that kept leases do not lift above it'],
  },
  {
    what: 'takes alike workloads of two teams for one class, with the budget of the first',
    why: 'a budget is one team’s',
    file: 'demand.ts',
    from: 'budgeted ? spec.team : null,',
    to: 'budgeted ? null : null,',
    noticedBy: [WORDS, 'each team has a budget of its own, however alike their workloads are'],
  },
  {
    what: 'forgets what a team’s leases spend already',
    why: 'a budget is for all that the team runs',
    file: 'candidates.ts',
    from: 'Math.max(0, allowed - baseMicroUsdPerHour)',
    to: 'Math.max(0, allowed)',
    noticedBy: [WORDS, 'a budget counts what the team’s leases spend'],
  },
  {
    what: 'serves alike workloads in the order in which they come',
    why: 'the same input in another order must give the same plan',
    file: 'demand.ts',
    from: 'const workloads = input.workloads.toSorted((a, b) => compareText(a.id, b.id));',
    to: 'const { workloads } = input;',
    noticedBy: [RULES, 'alike workloads are served by id, whatever order they come in'],
  },
  {
    what: 'applies price adjustments in the order in which policies come',
    why: 'the same policies in another order must give the same plan',
    file: 'market-view.ts',
    from: 'return policies.toSorted((a, b) => compareText(a.name, b.name));',
    to: 'return policies;',
    noticedBy: [
      WORDS,
      'is judged by the first adjustment in the order of the policies’ names, whatever order they come in',
    ],
  },
  {
    what: 'leaves equals where the solver happened to put them',
    why: 'ties go to the pool whose key comes first, on every machine',
    file: 'polish.ts',
    from: 'if (saved < 0 || (saved === 0 && place >= index)) continue;',
    to: 'if (saved <= 0) continue;',
    noticedBy: ['polish.test.ts', 'moves what could be cheaper, and equals to the pool whose key comes first'],
  },
  {
    what: 'deals places to alike workloads one workload after another',
    why: 'each of them must survive a loss by itself, not all together',
    file: 'assignment.ts',
    from: 'hands[index % hands.length]?.push(lot);',
    to: 'hands[Math.floor((index * hands.length) / lots.length)]?.push(lot);',
    noticedBy: [RULES, 'holds for each of several alike workloads, not for them together'],
  },
];

/** Moves of what runs. */
const MOVING_MUTANTS: readonly Mutant[] = [
  {
    what: 'drops the column of a lease whose pool nobody offers any more',
    why: 'what runs is always an option: without its column it would have to move',
    file: 'problem.ts',
    from: 'const running = moves ? runningOptions(input, fleets, market, part, options) : [];',
    to: `const running = moves
        ? runningOptions(input, fleets, market, part, options).filter(({ at }) => market.byKey.has(at.key))
        : [];`,
    noticedBy: [MOVES, 'leaves what nobody offers any more where it is, although others move'],
  },
  {
    what: 'moves for nothing',
    why: 'a move restarts work and loads data again',
    file: 'allocation.ts',
    from: 'return moveCostMicroUsd / Math.max(1, maxPaybackHours);',
    to: 'return (0 * moveCostMicroUsd) / Math.max(1, maxPaybackHours);',
    noticedBy: [MOVES, 'is made only where it saves more than it costs within the payback time'],
  },
  {
    what: 'gives every move a day to pay for itself',
    why: 'the policy says how long it may take',
    file: 'allocation.ts',
    from: 'return moveCostMicroUsd / Math.max(1, maxPaybackHours);',
    to: 'return moveCostMicroUsd / Math.max(24, maxPaybackHours);',
    noticedBy: [MOVES, 'is made only where it saves more than it costs within the payback time'],
  },
  {
    what: 'moves protected workloads',
    why: 'a protected workload is never moved',
    file: 'demand.ts',
    from: 'const movable = moves && !workload.spec.isProtected;',
    to: 'const movable = moves;',
    noticedBy: [MOVES, 'leaves protected workloads where they are'],
  },
  {
    what: 'takes what is left of a gang for a whole one',
    why: 'the missing machine would never come',
    file: 'demand.ts',
    from: 'if (movable && missingParts.length === 0) {',
    to: 'if (movable) {',
    noticedBy: [MOVES, 'stay while they are not complete, and are completed'],
  },
  {
    what: 'leaves machines where no rule allows them any more',
    why: 'a lease that drifted must go as soon as there is another place',
    file: 'running.ts',
    from: 'const effectiveCostPerLot = unwanted ? Math.max(cost, dearest) * UNWANTED_FACTOR : cost;',
    to: 'const effectiveCostPerLot = unwanted ? Math.min(cost, dearest) : cost;',
    noticedBy: [MOVES, 'is given up although the place is dear and the workload’s own rule says so'],
  },
  {
    what: 'excuses an excess over a cap of what could move',
    why: 'a cap that drifted would never be mended',
    file: 'running.ts',
    from: 'return { policy, base: given, kept: given };',
    to: 'return { policy, base: given, kept: fleets[index]?.kept ?? given };',
    noticedBy: [MOVES, 'is mended, at the least cost and with the fewest moves'],
  },
  {
    what: 'takes moves that leave replicas without a place',
    why: 'nothing that runs is given up without a place to go',
    file: 'plan-fleet.ts',
    from: 'return heldCount(moving) < heldCount(staying) ? moving : staying;',
    to: 'return moving;',
    noticedBy: [MOVES, 'holds no replica that could stay'],
  },
];

/** All that the planner's tests are held to. */
export const MUTANTS: readonly Mutant[] = [...RULE_MUTANTS, ...PLACING_MUTANTS, ...MOVING_MUTANTS];
