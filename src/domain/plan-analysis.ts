import type { MicroUsdPerHour } from './money.ts';
import type { Plan, PlanInput, RuleUse } from './plan.ts';
import type { DiversificationRule } from './policy.ts';
import type { EpochMs } from './time.ts';

/** What can be lost as one. */
export type LossScope = 'provider' | 'region';

/** What the loss of one provider or region would leave of one workload. */
export interface ReplicaLoss {
  /** A provider, or `provider:region`. */
  readonly lost: string;
  readonly lostReplicas: number;
  readonly keptReplicas: number;
  /** keptReplicas ÷ the replicas asked for: what `survive` speaks of; 0..1. */
  readonly keptShare: number;
}

export interface WorkloadRisk {
  readonly workloadId: string;
  readonly replicasAsked: number;
  /** With all their machines, before any loss. */
  readonly replicasStanding: number;
  /** One entry for each provider (region) where the workload has machines, the worst loss first. */
  readonly providers: readonly ReplicaLoss[];
  readonly regions: readonly ReplicaLoss[];
}

/** What the loss of one provider or region would take from the fleet. */
export interface FleetLoss {
  readonly lost: string;
  /** Adjusted prices of the machines there. */
  readonly spendMicroUsdPerHour: MicroUsdPerHour;
  /** 0..1 of the fleet's spend. */
  readonly spendShare: number;
  readonly acceleratorCount: number;
  /** 0..1 of the fleet's accelerators. */
  readonly acceleratorShare: number;
  /** Replicas that would no longer stand: a gang that loses one machine is one replica lost. */
  readonly lostReplicas: number;
  /** Workloads that have replicas standing and would have none, by id. */
  readonly workloadsDown: readonly string[];
}

/** What a plan's fleet would lose with each provider and each region. */
export interface RiskView {
  /** By id. */
  readonly workloads: readonly WorkloadRisk[];
  /** The largest loss of spend first. */
  readonly providers: readonly FleetLoss[];
  readonly regions: readonly FleetLoss[];
}

/** What one plan of an analysis comes to. */
export interface FleetFigures {
  /** Spend of the fleets of all policies. */
  readonly costMicroUsdPerHour: MicroUsdPerHour;
  /** Effective cost, which is what the planner minimises; kept leases at their adjusted price ÷ throughput, with egress. */
  readonly effectiveCostMicroUsdPerHour: MicroUsdPerHour;
  /** Proven: no plan that places the same replicas under the same rules has a lower effective cost. */
  readonly effectiveBoundMicroUsdPerHour: MicroUsdPerHour;
  readonly placedReplicas: number;
  readonly heldReplicas: number;
  readonly status: Plan['status'];
}

/**
 * What a rule costs, in spend and in effective cost: with several throughputs a rule may force slower machines that cost less an hour, so
 * that only the latter shows its price. Null where fewer replicas are placed with it than without: the costs are of different fleets.
 */
export interface Premium {
  readonly premiumMicroUsdPerHour: MicroUsdPerHour | null;
  /** Premium ÷ cost without the rule; 0 where that is 0. */
  readonly premiumShare: number | null;
  /** For an hour of work. */
  readonly effectivePremiumMicroUsdPerHour: MicroUsdPerHour | null;
  readonly effectivePremiumShare: number | null;
}

export interface CurveQuestion {
  /** Name of the policy whose rule moves. */
  readonly policy: string;
  readonly rule: DiversificationRule;
  /** Shares 0..1, or counts of providers; null = nine that make sense here. */
  readonly limits: readonly number[] | null;
}

export interface CurvePoint extends FleetFigures, Premium {
  readonly limit: number;
  /** Whether the rule is at its limit for some subject, so that it may be costing money. */
  readonly binding: boolean;
  /** Whether this is the limit that the policy has now. */
  readonly isCurrent: boolean;
}

/** Cost as a function of one limit, all other rules as they are. */
export interface PremiumCurve {
  readonly policy: string;
  readonly rule: DiversificationRule;
  /** The limit that the policy has now; null = no such rule. */
  readonly currentLimit: number | null;
  /** False: planned afresh, as if nothing ran. */
  readonly keepsLeases: boolean;
  /** Without the rule. */
  readonly baseline: FleetFigures;
  /** By limit, ascending. */
  readonly points: readonly CurvePoint[];
}

/** What one rule of a policy costs on top of all others. */
export interface RulePremium extends Premium {
  readonly rule: string;
  readonly limit: number;
  /** False where `enforceAbove` or `relax` lifts it: then it costs nothing. */
  readonly enforced: boolean;
  /** With all rules but this one. */
  readonly without: FleetFigures;
  /** The subjects at the rule's limit. */
  readonly binding: readonly RuleUse[];
}

/** What one more percentage point of a limit would save, all other limits as they are. */
export interface RulePrice {
  readonly policy: string;
  readonly rule: string;
  /** The provider, region … at its limit; empty for the fleet. */
  readonly subject: string;
  readonly limit: number;
  /** Effective cost, in whole micro-dollars per hour of work, for 0.01 of the limit; at the margin, from the relaxation's prices. */
  readonly savedMicroUsdPerHourPerPoint: MicroUsdPerHour;
}

/** Giving up one rule of a conflict, all other rules in force. */
export interface Relaxation extends FleetFigures {
  readonly rule: string;
  /** Replicas that are placed then and are not with all rules. */
  readonly gainedReplicas: number;
}

/** Rules that cannot be kept together with every replica placed that could be placed without rules. */
export interface RuleConflict {
  /** Minimal: without any one of them, the others by themselves are in nobody's way. */
  readonly rules: readonly string[];
  readonly relaxations: readonly Relaxation[];
}

export interface PolicyPrice extends Premium {
  readonly policy: string;
  readonly withRules: FleetFigures;
  /** Without any diversification rule of this policy; the other policies' stay. */
  readonly withoutRules: FleetFigures;
  /** The policy's rules, in the order in which plans tell them. */
  readonly rules: readonly RulePremium[];
  /** What limits are worth at the margin, dearest first; those that cost nothing there are left out. */
  readonly marginals: readonly RulePrice[];
  /** Null where the rules hold nobody. */
  readonly conflict: RuleConflict | null;
}

export interface PolicyExplanation {
  /** False: planned afresh, as if nothing ran. */
  readonly keepsLeases: boolean;
  readonly policies: readonly PolicyPrice[];
}

/** A plan with all that it was made from: enough to make it again anywhere. */
export interface PlanRecord {
  readonly planId: string;
  readonly createdAt: EpochMs;
  /** Null for plans stored before versions were kept. */
  readonly plannerVersion: string | null;
  /** The solver's; 0 always. */
  readonly seed: number;
  readonly input: PlanInput;
  readonly plan: Plan;
}

/** One place where a replayed plan is not the recorded one. */
export interface ReplayDifference {
  /** JSON pointer into the plan. */
  readonly pointer: string;
  /** JSON text, shortened; null where there is nothing. */
  readonly recorded: string | null;
  readonly replayed: string | null;
}

export interface Replay {
  readonly planId: string;
  /** The two plans are the same bytes, written with sorted keys. */
  readonly isEqual: boolean;
  readonly recordedVersion: string | null;
  readonly plannerVersion: string;
  readonly seed: number;
  readonly differenceCount: number;
  /** The first of them. */
  readonly differences: readonly ReplayDifference[];
}
