/** How replicas lie on machines of one shape: a gang of whole machines, or several replicas on one machine. One of the two is 1. */
export interface Shape {
  readonly machinesPerReplica: number;
  readonly replicasPerMachine: number;
}

/** How a replica of `needed` accelerators lies on machines of `perMachine`; null where it does not fit. */
export function shapeOf(needed: number, perMachine: number): Shape | null {
  if (needed < perMachine) return { machinesPerReplica: 1, replicasPerMachine: Math.floor(perMachine / needed) };
  if (needed % perMachine !== 0) return null;
  return { machinesPerReplica: needed / perMachine, replicasPerMachine: 1 };
}
