import type { PlanInput } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';
import type { WorkloadSpec } from '../domain/workload.ts';
import { globMatches } from '../domain/workload.ts';
import { policiesInOrder } from './market-view.ts';

/** A workload with the policy that governs it. */
export interface Governed {
  readonly spec: WorkloadSpec;
  readonly policy: Policy;
  /** Index of the policy, in the order of the policies' names. */
  readonly fleet: number;
}

const known = new WeakMap<Pick<PlanInput, 'policies' | 'workloads'>, Governance>();

/** Who governs whom in the input; found once for all who ask. */
export function governanceOf(input: Pick<PlanInput, 'policies' | 'workloads'>): Governance {
  let governance = known.get(input);
  if (governance === undefined) {
    governance = new Governance(input);
    known.set(input, governance);
  }
  return governance;
}

/** Who governs whom. Teams are matched with the policies' patterns once. */
export class Governance {
  /** In the order of their names. */
  readonly policies: readonly Policy[];
  readonly #specs: ReadonlyMap<string, WorkloadSpec>;
  readonly #fleets = new Map<string, number>();

  constructor(input: Pick<PlanInput, 'policies' | 'workloads'>) {
    this.policies = policiesInOrder(input);
    this.#specs = new Map(input.workloads.map(({ id, spec }) => [id, spec]));
  }

  /** Index of the policy that governs the team; −1 where none does. */
  fleetOfTeam(team: string): number {
    let fleet = this.#fleets.get(team);
    if (fleet === undefined) {
      fleet = this.policies.findIndex(({ teams }) => teams.some((pattern) => globMatches(pattern, team)));
      this.#fleets.set(team, fleet);
    }
    return fleet;
  }

  /** Null for a workload that is unknown, or that no policy governs. */
  ofWorkload(workloadId: string): Governed | null {
    const spec = this.#specs.get(workloadId);
    return spec === undefined ? null : this.ofSpec(spec);
  }

  ofSpec(spec: WorkloadSpec): Governed | null {
    const fleet = this.fleetOfTeam(spec.team);
    const policy = this.policies[fleet];
    return policy === undefined ? null : { spec, policy, fleet };
  }

  specOf(workloadId: string): WorkloadSpec | undefined {
    return this.#specs.get(workloadId);
  }

  /** Empty for a workload that is unknown. */
  teamOf(workloadId: string): string {
    return this.#specs.get(workloadId)?.team ?? '';
  }
}
