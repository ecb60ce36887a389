import type { Pool } from '../../domain/pool.ts';
import type { Clock } from '../../domain/time.ts';
import type { AdviceQuery, Call, CapacityAdvice } from '../provider.ts';
import type { Clients } from './clients.ts';
import { callApi } from './clients.ts';
import { splitInstanceType } from './machine-types.ts';
import { capacityAdvice } from './responses.ts';

const SECONDS_PER_HOUR = 3600;

/** `600s` → 600; null for anything else. */
function secondsOf(duration: string): number | null {
  const seconds = Number(/^(\d+(?:\.\d+)?)s$/.exec(duration)?.[1] ?? 'none');
  return Number.isNaN(seconds) || seconds === 0 ? null : seconds;
}

interface AdviceSources {
  readonly clients: Clients;
  readonly project: string;
  readonly clock: Clock;
}

async function adviseOne(
  { clients, project, clock }: AdviceSources,
  { pool, count }: AdviceQuery['pools'][number],
  call: Call,
): Promise<CapacityAdvice | null> {
  const { machineType, attached } = splitInstanceType(pool.instanceType);
  const guestAccelerators =
    attached === null ? [] : [{ acceleratorType: attached.gpu, acceleratorCount: attached.count }];
  const { recommendations } = await callApi(
    {
      ...{ client: clients.advice, method: 'capacity', operation: 'advice.capacity', mutating: false },
      request: {
        ...{ project, region: pool.region },
        capacityAdviceRequestResource: {
          size: count,
          distributionPolicy: {
            targetShape: 'ANY_SINGLE_ZONE',
            ...(pool.zone === null ? {} : { zones: [{ zone: `zones/${pool.zone}` }] }),
          },
          instanceFlexibilityPolicy: {
            instanceSelections: { wanted: { machineTypes: [machineType], guestAccelerators } },
          },
          instanceProperties: { scheduling: { provisioningModel: 'SPOT' } },
        },
      },
      response: capacityAdvice,
    },
    call,
  );
  const scores = recommendations[0]?.scores ?? null;
  if (scores === null) return null;
  const obtainability = scores.obtainability ?? null;
  const uptimeSeconds = secondsOf(scores.estimatedUptime);
  return {
    pool,
    obtainability,
    // Most machines run at least so long: taken as one interruption in that time, which is the worst it allows.
    interruptionsPerHour: uptimeSeconds === null ? null : SECONDS_PER_HOUR / uptimeSeconds,
    words: `obtainability ${obtainability ?? 'unknown'}, estimated uptime ${scores.estimatedUptime || 'unknown'}`,
    observedAt: clock.now(),
  };
}

function isAdvised({ market }: Pool): boolean {
  return market === 'spot';
}

/**
 * The cloud's advice is about spot machines alone, one machine type in a request. A pool that cannot be asked about has no word; when
 * none can, the first failure is thrown.
 */
export async function adviseCapacity(
  sources: AdviceSources,
  query: AdviceQuery,
  call: Call,
): Promise<readonly CapacityAdvice[]> {
  const asked = query.pools.filter(({ pool }) => isAdvised(pool));
  const answers = await Promise.allSettled(asked.map((entry) => adviseOne(sources, entry, call)));
  call.signal.throwIfAborted();
  const [failed, ...others] = answers;
  if (failed?.status === 'rejected' && others.every(({ status }) => status === 'rejected')) throw failed.reason;
  return answers.flatMap((answer) => (answer.status === 'fulfilled' && answer.value !== null ? [answer.value] : []));
}
