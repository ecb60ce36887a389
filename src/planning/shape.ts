import type { AcceleratorChoice } from '../domain/workload.ts';

/** How replicas lie on machines of one shape: a gang of whole machines, or several replicas on one machine. One of the two is 1. */
export interface Shape {
  readonly machinesPerReplica: number;
  readonly replicasPerMachine: number;
}

/** How a replica lies on machines of `available` accelerators each; null where it does not fit. */
export function shapeOf(choice: Omit<AcceleratorChoice, 'accelerator'>, available: number): Shape | null {
  const { count, perMachine, throughput } = choice;
  if (!(count >= 1 && available >= 1 && throughput > 0 && throughput < Number.POSITIVE_INFINITY)) return null;
  if (perMachine !== null && perMachine !== available) return null;
  if (count < available) return { machinesPerReplica: 1, replicasPerMachine: Math.floor(available / count) };
  if (count % available !== 0) return null;
  return { machinesPerReplica: count / available, replicasPerMachine: 1 };
}
