import type { Mutant } from './mutant.ts';

const MOVES = 'moves.test.ts';

/** Moves of what runs. */
export const MOVING_MUTANTS: readonly Mutant[] = [
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
    from: 'if (movable && missingParts.length === 0 && isOfOnePool) {',
    to: 'if (movable && isOfOnePool) {',
    noticedBy: [MOVES, 'stay while they are not complete, and are completed'],
  },
  {
    what: 'leaves machines where no rule allows them any more',
    why: 'a lease that drifted must go as soon as there is another place',
    file: 'running.ts',
    from: '? worst * UNWANTED_FACTOR : cost;',
    to: '? Math.min(cost, dearest) : cost;',
    noticedBy: [MOVES, 'is given up although the place is dear and the workload’s own rule says so'],
  },
  {
    what: 'excuses an excess over a cap of what could move',
    why: 'a cap that drifted would never be mended',
    file: 'running.ts',
    from: 'kept: { staying: base, present } };',
    to: 'kept: { staying: present, present } };',
    noticedBy: [MOVES, 'is mended, at the least cost and with the fewest moves'],
  },
  {
    what: 'excuses all of what must stay, although the rest keeps the cap today',
    why: 'a move that saves must not break a cap that is kept',
    file: 'running.ts',
    from: 'kept: { staying: base, present } };',
    to: 'kept: { staying: base, present: base } };',
    noticedBy: [MOVES, 'is not broken by a move that saves'],
  },
  {
    what: 'takes all machines of a gang to pay what the first pays',
    why: 'machines of a gang are bought one by one, at the price of the moment',
    file: 'running.ts',
    from: 'const weight = sumOf(leases.map((lease) => leaseWeight(policies, policy, spec, lease)));',
    to: 'const weight = sumOf(leases.map(() => leaseWeight(policies, policy, spec, first)));',
    noticedBy: [MOVES, 'count what each of them pays'],
  },
  {
    what: 'tells what stands where nothing may stand at the price that makes it go',
    why: 'the plan’s cost and bound are what is paid',
    file: 'plan-record.ts',
    from: "return sum + (option.effectiveCostPerLot - option.weight.amounts['effective-cost']) * lots;",
    to: 'return sum + 0 * option.effectiveCostPerLot * lots;',
    noticedBy: [MOVES, 'is told at what it costs while it stays'],
  },
  {
    what: 'takes moves that leave replicas without a place',
    why: 'nothing that runs is given up without a place to go',
    file: 'plan-fleet.ts',
    from: 'if (placesFewer(input, plan, staying)) return { staying, moving: null };',
    to: "if (placesFewer(input, plan, staying)) return { staying, moving: { plan, because: 'places' } };",
    noticedBy: [MOVES, 'holds no replica that could stay'],
  },
  {
    what: 'does not see that providers are lacking',
    why: 'a fleet at too few providers would never be spread by a rebalance that costs something',
    file: 'plan-fleet.ts',
    from: 'fleetBreaches(after, excuses, rules, rules.minProviders)',
    to: 'fleetBreaches(after, excuses, rules, 0)',
    noticedBy: ['rebalance.test.ts', 'mends minProviders, whatever that costs'],
  },
  {
    what: 'does not see that one loss would take too many replicas',
    why: 'a service at one provider would never be spread by a rebalance that costs something',
    file: 'plan-fleet.ts',
    from: 'standing + unsafe);',
    to: 'standing + 0 * unsafe);',
    noticedBy: ['rebalance.test.ts', 'mends survive, whatever that costs'],
  },
];
