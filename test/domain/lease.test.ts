import { describe, expect, it } from 'vitest';
import {
  isFinal,
  isServing,
  LEASE_STATES,
  LEASE_TRANSITIONS,
  type LeaseState,
  mayTransition,
} from '../../src/domain/lease.ts';

function reachableFrom(state: LeaseState): Set<LeaseState> {
  const reached = new Set<LeaseState>();
  const waiting: LeaseState[] = [...LEASE_TRANSITIONS[state]];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (reached.has(next)) continue;
    reached.add(next);
    waiting.push(...LEASE_TRANSITIONS[next]);
  }
  return reached;
}

describe('lease transitions', () => {
  it('name known states, each once', () => {
    expect(Object.keys(LEASE_TRANSITIONS).toSorted()).toEqual([...LEASE_STATES].toSorted());
    for (const targets of Object.values(LEASE_TRANSITIONS)) {
      expect(new Set(targets).size).toBe(targets.length);
      for (const target of targets) expect(LEASE_STATES).toContain(target);
    }
  });

  it('the finals are gone and failed, and nothing leads out of them', () => {
    expect(LEASE_STATES.filter(isFinal)).toEqual(['gone', 'failed']);
    for (const final of LEASE_STATES.filter(isFinal)) expect(reachableFrom(final).size).toBe(0);
  });

  it.each(LEASE_STATES.filter((state) => !isFinal(state)))('%s can reach a final state', (state) => {
    expect([...reachableFrom(state)].some(isFinal)).toBe(true);
  });

  it.each(LEASE_STATES)('%s never comes again', (state) => {
    expect(reachableFrom(state)).not.toContain(state);
  });

  it('every state but the first can be reached from planned', () => {
    expect([...reachableFrom('planned')].toSorted()).toEqual(
      LEASE_STATES.filter((state) => state !== 'planned').toSorted(),
    );
  });

  it('a lease that stopped serving never serves again', () => {
    for (const state of LEASE_STATES.filter((candidate) => !isServing(candidate))) {
      expect([...reachableFrom(state)].filter(isServing), state).toEqual([]);
    }
    expect(LEASE_STATES.filter(isServing)).toEqual(['planned', 'launching', 'starting', 'ready']);
  });

  it('a machine that may exist never goes to gone without proof: only terminating and lost lead there', () => {
    expect(LEASE_STATES.filter((state) => mayTransition(state, 'gone'))).toEqual(['terminating', 'lost']);
  });

  it('nothing fails once it ran: failed proves that no machine came of it', () => {
    expect(LEASE_STATES.filter((state) => mayTransition(state, 'failed'))).toEqual([
      'planned',
      'launching',
      'starting',
    ]);
  });

  it('mayTransition is the table', () => {
    for (const from of LEASE_STATES) {
      for (const to of LEASE_STATES) expect(mayTransition(from, to)).toBe(LEASE_TRANSITIONS[from].includes(to));
    }
  });
});
