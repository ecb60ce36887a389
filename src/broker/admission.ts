import type { WorkloadSpec } from '../domain/workload.ts';
import { appendEvent } from '../store/events.ts';
import { raiseFleetRevision } from '../store/fleet.ts';
import { leasesOfWorkload, unwantLeases } from '../store/leases.ts';
import { markDeleting, settleDeletedWorkload, upsertWorkload, type WorkloadRow } from '../store/workloads.ts';
import type { BrokerContext } from './context.ts';
import { servesStill } from './placing.ts';

/** Creates or changes a workload. Machines of replicas beyond a smaller count are released; the rest stay until a rebalance moves them. */
export async function applyWorkload(context: BrokerContext, spec: WorkloadSpec): Promise<WorkloadRow> {
  const at = context.clock.now();
  const workload = await context.store.transaction(async (transaction) => {
    const { row, changed } = await upsertWorkload(transaction, { id: context.newId(), spec, at });
    if (!changed) return row;
    const surplus = (await leasesOfWorkload(transaction, row.id)).filter(
      (lease) => servesStill(lease) && lease.replicas.every((replica) => replica >= spec.replicas),
    );
    await unwantLeases(
      transaction,
      surplus.map(({ id }) => id),
      at,
    );
    await raiseFleetRevision(transaction);
    await appendEvent(transaction, {
      at,
      type: 'workload.applied',
      workloadId: row.id,
      leaseId: null,
      message: `Workload ${spec.name} of team ${spec.team}: ${spec.replicas} replicas wanted (generation ${row.generation})`,
      data: { name: spec.name, team: spec.team, generation: row.generation },
    });
    return row;
  });
  context.wakePlacing();
  context.wakeLeases();
  return workload;
}

/** Marks the workload as unwanted; the lease worker ends its machines, and it is `deleted` when the cloud has proved the last one gone. */
export async function deleteWorkload(context: BrokerContext, workload: WorkloadRow): Promise<void> {
  const at = context.clock.now();
  await context.store.transaction(async (transaction) => {
    if (!(await markDeleting(transaction, workload.id, at))) return;
    const leases = await leasesOfWorkload(transaction, workload.id);
    await unwantLeases(
      transaction,
      leases.map(({ id }) => id),
      at,
    );
    await raiseFleetRevision(transaction);
    await appendEvent(transaction, {
      at,
      type: 'workload.deleting',
      workloadId: workload.id,
      leaseId: null,
      message: `Workload ${workload.spec.name} of team ${workload.spec.team} is being released`,
      data: { name: workload.spec.name, team: workload.spec.team },
    });
    await settleDeletedWorkload(transaction, workload.id, at);
  });
  context.wakeLeases();
}
