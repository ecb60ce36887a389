import type { FrontRequest, FrontResponse } from '../http/front.ts';
import type { World, WorldMachine } from '../world/contract.ts';
import { ArmRefusal, guidOf, jsonAnswer } from './arm-answer.ts';
import type { OperationError } from './machine-failures.ts';
import { failureOf } from './machine-failures.ts';
import type { ArmMachines } from './machines.ts';

interface AsyncOperation {
  readonly kind: 'create' | 'delete';
  readonly serial: number;
  readonly startedAt: number;
}

type OperationStatus =
  | { readonly status: 'InProgress' | 'Succeeded' | 'Canceled' }
  | { readonly status: 'Failed'; readonly error: OperationError };

/** Seconds between polls that ARM asks for. The real one says 10; a launch here takes a few seconds at most. */
const RETRY_AFTER = '1';

/** Operations that go on after their request was answered. Their state is the machine's: nothing is stored that could differ from it. */
export interface AsyncOperations {
  /** The headers that send the client to the new operation. */
  start(
    request: FrontRequest,
    subscription: string,
    kind: AsyncOperation['kind'],
    machine: WorldMachine,
  ): Readonly<Record<string, string>>;
  get(operationId: string): FrontResponse;
}

export function createAsyncOperations(world: World, machines: ArmMachines): AsyncOperations {
  const operations = world.store<AsyncOperation>('azure', 'operations');

  function statusOf(operation: AsyncOperation): OperationStatus {
    const machine = world.machine(operation.serial);
    const state = machine === null ? 'terminated' : world.stateOf(machine);
    if (operation.kind === 'delete') return { status: state === 'terminated' ? 'Succeeded' : 'InProgress' };
    if (state === 'pending') return { status: 'InProgress' };
    if (state === 'running') return { status: 'Succeeded' };
    if (machine !== null && state === 'failed')
      return { status: 'Failed', error: failureOf(machine, machines.detailsOf(machine)) };
    return { status: 'Canceled' };
  }

  return {
    start(request, subscription, kind, machine) {
      const id = guidOf(world.seed, 'operation', operations.size + 1);
      operations.set(id, { kind, serial: machine.serial, startedAt: world.clock.now() });
      const host = request.headers['host'] ?? 'localhost';
      const version = request.url.searchParams.get('api-version') ?? '';
      const path = `/subscriptions/${subscription}/providers/Microsoft.Compute/locations/${machine.pool.region}/operations/${id}`;
      return { 'azure-asyncoperation': `https://${host}${path}?api-version=${version}`, 'retry-after': RETRY_AFTER };
    },
    get(operationId) {
      const operation = operations.get(operationId.toLowerCase());
      if (operation === undefined)
        throw new ArmRefusal(404, 'NotFound', `The entity was not found: operation ${operationId}.`);
      const status = statusOf(operation);
      const running = status.status === 'InProgress';
      return jsonAnswer(
        200,
        {
          startTime: new Date(operation.startedAt).toISOString(),
          ...(running ? {} : { endTime: new Date(world.clock.now()).toISOString() }),
          ...status,
          name: operationId,
        },
        running ? { 'retry-after': RETRY_AFTER } : {},
      );
    },
  };
}
