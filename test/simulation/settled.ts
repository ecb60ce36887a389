import type { Handle } from '../../src/store/open-store.ts';
import type { Stage } from './acts.ts';
import { ATTEMPT_TAG } from './cloud.ts';
import { isLive, type LeaseFact, leaseFacts, type WorkloadFact, workloadFacts } from './facts.ts';
import { livingMachines } from './judge.ts';
import { CLOUDS } from './market.ts';

/** What is not yet in its place; null = every workload is placed, held with a reason, or deleted, and clouds and leases agree. */
export async function whatIsUnsettled(stage: Stage, database: Handle): Promise<string | null> {
  const workloads = await workloadFacts(database);
  const leases = (await leaseFacts(database)).filter(isLive);
  for (const name of stage.accepted) {
    if (!workloads.some((workload) => workload.name === name && !['deleting', 'deleted'].includes(workload.state))) {
      return `workload ${name} was accepted and is lost`;
    }
  }
  for (const workload of workloads) {
    const own = leases.filter(({ workloadId }) => workloadId === workload.id);
    const odd = oddLease(workload, own) ?? oddState(workload, own);
    if (odd !== null) return odd;
  }
  return disagreement(
    stage,
    leases.map(({ attemptId }) => attemptId ?? ''),
  );
}

function oddLease({ name }: WorkloadFact, own: readonly LeaseFact[]): string | null {
  const odd = own.find(({ state }) => state !== 'ready');
  return odd === undefined ? null : `lease ${odd.id} of ${name} is ${odd.state}`;
}

function oddState({ name, state, replicas, holdReasonCount }: WorkloadFact, own: readonly LeaseFact[]): string | null {
  switch (state) {
    case 'placed': {
      // A machine that replicas share stays while it serves one that is still wanted.
      const surplus = own.find((lease) => lease.replicas.every((replica) => replica >= replicas));
      if (surplus !== undefined) return `lease ${surplus.id} serves replicas of ${name} that nobody wants`;
      const served = new Set(own.flatMap((lease) => lease.replicas).filter((replica) => replica < replicas)).size;
      return served === replicas ? null : `workload ${name} is placed with ${served} of ${replicas} replicas`;
    }
    case 'held':
      return holdReasonCount > 0 ? null : `workload ${name} is held without a reason`;
    case 'deleted':
      return own.length === 0 ? null : `workload ${name} is deleted and has ${own.length} leases`;
    default:
      return `workload ${name} is ${state}`;
  }
}

/** Leases and clouds tell the same, machine by machine, and nothing else is left; null = they agree. */
export function disagreement({ clouds, strangers }: Stage, attempts: readonly string[]): string | null {
  const machines = livingMachines(clouds).filter(({ serial }) => !strangers.has(serial));
  const running = new Set(machines.map(({ tags }) => tags[ATTEMPT_TAG] ?? ''));
  const missing = attempts.find((attempt) => !running.has(attempt));
  if (missing !== undefined) return `no machine for attempt ${missing}`;
  const extra = machines.find(({ tags }) => !attempts.includes(tags[ATTEMPT_TAG] ?? ''));
  if (extra !== undefined) return `${extra.pool.cloud} machine ${extra.serial} has no lease`;
  for (const cloud of CLOUDS) {
    const loose = clouds.world.parts(cloud).find((part) => !clouds.world.isInUse(part));
    if (loose !== undefined) return `${cloud} ${loose.kind} ${loose.name} belongs to no machine`;
  }
  return null;
}
