import { afterAll, beforeAll, describe, it } from 'vitest';
import { type Rig, startRig } from '../../src/main/rig.ts';
import { surviveCrashes } from './crashing.ts';

/** The real processes on the real embedded store; 200 crashes on each engine are for `npm run test:long`. */
const CRASHES = 25;
const SEED = 11;

let rig: Rig;

beforeAll(async () => {
  rig = await startRig({ seed: SEED, port: 0 });
});

afterAll(async () => {
  await rig?.stop();
});

describe('kill -9 of the broker at any moment', () => {
  it(`leaks, doubles and loses nothing over ${CRASHES} crashes`, async () => {
    await surviveCrashes(rig, SEED, CRASHES);
  }, 600_000);
});
