import type { Operation } from './operation.ts';
import { analysisOperations } from './operations/analysis.ts';
import { capacityBlockOperations } from './operations/capacity-blocks.ts';
import { executionOperations } from './operations/execution.ts';
import { fleetOperations } from './operations/fleet.ts';
import { marketOperations } from './operations/market.ts';
import { policyOperations } from './operations/policy.ts';
import { rebalanceOperations } from './operations/rebalances.ts';
import { workloadOperations } from './operations/workloads.ts';

/** Every operation under /v1. A new one is mounted and documented by standing here. */
export const OPERATIONS: readonly Operation[] = [
  ...fleetOperations,
  ...workloadOperations,
  ...marketOperations,
  ...policyOperations,
  ...analysisOperations,
  ...rebalanceOperations,
  ...executionOperations,
  ...capacityBlockOperations,
];
