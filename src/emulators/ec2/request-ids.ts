import type { World } from '../world/contract.ts';

/** Request ids in the look of AWS's, counted per world so that a run repeats itself exactly. */
export function requestIds(world: World, service: string): () => string {
  const counters = world.store<number>('aws', 'request-ids');
  return () => {
    const next = (counters.get(service) ?? 0) + 1;
    counters.set(service, next);
    return `00000000-0000-4000-8000-${next.toString(16).padStart(12, '0')}`;
  };
}
