import { createDeadlinePlanner, decideNext } from '../../src/planning/deadlines/decide-next.ts';
import type { PlaceNow, Situation } from '../../src/planning/deadlines/situation.ts';
import { createMarketWatch, observe, type Prior, type Sighting } from '../../src/planning/deadlines/watch.ts';
import { type Choice, IDLE, type Job, type Moment, ON_DEMAND, type Policy, type Scene } from './scene.ts';

/** The policy of `src/planning/deadlines`, shown what the window (and, where it has one, its past) shows. */
export function ours(prior?: Prior): Policy {
  return {
    name: 'ours',
    create(scene, job) {
      const watch = createMarketWatch(prior);
      const pastTicks = scene.zones[0]?.past.available.length ?? 0;
      for (let tick = 0; tick < pastTicks; tick++)
        observe(watch, tick * scene.tickSeconds, sightings(scene, tick, 'past'));
      const planner = createDeadlinePlanner(watch);
      return (moment) => {
        observe(watch, (pastTicks + moment.tick) * scene.tickSeconds, sightings(scene, moment.tick, 'now'));
        return choose(scene, decideNext(planner, situationOf(scene, job, moment)).place);
      };
    },
  };
}

export function sightings(scene: Scene, tick: number, when: 'past' | 'now'): readonly Sighting[] {
  return scene.zones.map((zone) => {
    const { available, prices } = when === 'past' ? zone.past : zone;
    return { place: zone.name, isAvailable: available[tick] === 1, price: prices[tick] ?? 0 };
  });
}

const ON_DEMAND_PLACE = 'on-demand';

export function situationOf(scene: Scene, job: Job, moment: Moment): Situation {
  const { mode, pendingSeconds, region, tick } = moment;
  const spot = scene.zones.map(
    (zone): PlaceNow => ({
      place: zone.name,
      market: 'spot',
      price: zone.prices[tick] ?? 0,
      isAvailable: zone.available[tick] === 1,
      moveCost: region === null || region === zone.region ? 0 : job.egress,
    }),
  );
  const place = mode === ON_DEMAND ? ON_DEMAND_PLACE : scene.zones[mode]?.name;
  return {
    workLeftSeconds: moment.leftSeconds,
    timeLeftSeconds: moment.ticksLeft * scene.tickSeconds,
    overheadSeconds: job.overheadSeconds,
    stepSeconds: scene.tickSeconds,
    running: place === undefined ? null : { place, pendingSeconds },
    places: [
      ...spot,
      { place: ON_DEMAND_PLACE, market: 'on-demand', price: scene.onDemandPrice, isAvailable: true, moveCost: 0 },
    ],
  };
}

function choose(scene: Scene, place: string | null): Choice {
  if (place === null) return IDLE;
  if (place === ON_DEMAND_PLACE) return ON_DEMAND;
  return scene.zones.findIndex(({ name }) => name === place);
}
