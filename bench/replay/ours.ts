import { createDeadlinePlanner, decideNext } from '../../src/planning/deadlines/decide-next.ts';
import type { PlaceNow, Situation } from '../../src/planning/deadlines/situation.ts';
import {
  createMarketWatch,
  type MarketWatch,
  observe,
  type Prior,
  type Sighting,
} from '../../src/planning/deadlines/watch.ts';
import { type Choice, IDLE, type Job, type Moment, ON_DEMAND, type Policy, type Scene } from './scene.ts';

/** The policy of `src/planning/deadlines`, shown what the window (and, where it has one, its past) shows. */
export function ours(prior?: Prior): Policy {
  let watched: Watched | null = null;
  return {
    name: 'ours',
    create(scene, job) {
      watched = watchPast(scene, watched, prior);
      const pastTicks = watched.ticks;
      const watch = structuredClone(watched.watch);
      const planner = createDeadlinePlanner(watch);
      return (moment) => {
        observe(watch, (pastTicks + moment.tick) * scene.tickSeconds, sightings(scene, moment.tick, 'now'));
        return choose(scene, decideNext(planner, situationOf(scene, job, moment)).place);
      };
    },
  };
}

/** The market as watched up to a window. Windows of one trace share their past. */
interface Watched {
  readonly watch: MarketWatch;
  readonly ticks: number;
  readonly trace: ArrayBufferLike | undefined;
}

/** Goes on from where the window before began, where that was in the same trace. */
function watchPast(scene: Scene, before: Watched | null, prior: Prior | undefined): Watched {
  const past = scene.zones[0]?.past.available;
  const ticks = past?.length ?? 0;
  const goesOn = before !== null && before.trace === past?.buffer && before.ticks <= ticks;
  const watch = goesOn ? before.watch : createMarketWatch(prior);
  for (let tick = goesOn ? before.ticks : 0; tick < ticks; tick++) {
    observe(watch, tick * scene.tickSeconds, sightings(scene, tick, 'past'));
  }
  return { watch, ticks, trace: past?.buffer };
}

function sightings(scene: Scene, tick: number, when: 'past' | 'now'): readonly Sighting[] {
  return scene.zones.map((zone) => {
    const { available, prices } = when === 'past' ? zone.past : zone;
    return { place: zone.name, isAvailable: available[tick] === 1, price: prices[tick] ?? 0 };
  });
}

const ON_DEMAND_PLACE = 'on-demand';

function situationOf(scene: Scene, job: Job, moment: Moment): Situation {
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
