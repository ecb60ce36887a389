/** What EventBridge tells of EC2 machines (Amazon EC2 user guide: events for spot interruptions, rebalance recommendations, state changes). */
import type { World, WorldMachine } from '../world/contract.ts';
import { instanceIdOf, OWNER_ID } from './instance-shape.ts';

export interface Ec2Event {
  /** Unique in the world's life. */
  readonly key: string;
  readonly at: number;
  /** The event as JSON text. */
  readonly body: string;
}

/** Everything that has happened so far to the region's machines that the world still lists, oldest first. */
export function ec2Events(world: World, region: string): readonly Ec2Event[] {
  const now = world.clock.now();
  return world
    .machines('aws')
    .filter(({ pool }) => pool.region === region)
    .flatMap((machine) => eventsOf(machine))
    .filter(({ at }) => at <= now)
    .toSorted((a, b) => a.at - b.at);
}

function eventsOf(machine: WorldMachine): readonly Ec2Event[] {
  const { noticeAt, launchedAt, runningAt, stoppingAt, terminatedAt, failedAt } = machine;
  const ran = failedAt === null && (stoppingAt === null || stoppingAt > runningAt);
  return [
    // AWS may send both at the same moment; so does this one.
    ...(noticeAt === null
      ? []
      : [
          event(machine, 'rebalance', noticeAt, 'EC2 Instance Rebalance Recommendation', {}),
          event(machine, 'warning', noticeAt, 'EC2 Spot Instance Interruption Warning', {
            'instance-action': 'terminate',
          }),
        ]),
    stateChange(machine, 'pending', launchedAt),
    ...(ran ? [stateChange(machine, 'running', runningAt)] : []),
    ...(stoppingAt === null ? [] : [stateChange(machine, 'shutting-down', stoppingAt)]),
    ...(terminatedAt === null ? [] : [stateChange(machine, 'terminated', terminatedAt)]),
  ];
}

function stateChange(machine: WorldMachine, state: string, at: number): Ec2Event {
  return event(machine, state, at, 'EC2 Instance State-change Notification', { state });
}

function event(
  machine: WorldMachine,
  what: string,
  at: number,
  detailType: string,
  detail: Readonly<Record<string, string>>,
): Ec2Event {
  const { region } = machine.pool;
  const instanceId = instanceIdOf(machine.serial);
  const number = machine.serial.toString(16).padStart(12, '0');
  const body = {
    version: '0',
    id: `00000000-0000-4000-${[...what]
      .reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 4096, 0)
      .toString(16)
      .padStart(4, '8')}-${number}`,
    'detail-type': detailType,
    source: 'aws.ec2',
    account: OWNER_ID,
    // EventBridge knows whole seconds.
    time: `${new Date(at).toISOString().slice(0, 19)}Z`,
    region,
    resources: [`arn:aws:ec2:${region}:${OWNER_ID}:instance/${instanceId}`],
    detail: { 'instance-id': instanceId, ...detail },
  };
  return { key: `${machine.serial}/${what}`, at, body: JSON.stringify(body) };
}
