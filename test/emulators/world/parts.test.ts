import { describe, expect, it } from 'vitest';
import type { PartLife, WorldMachine, WorldPart } from '../../../src/emulators/world/contract.ts';
import type { CreatedWorld } from '../../../src/emulators/world/create-world.ts';
import { launched, ON_DEMAND, SPOT, START, stage } from './world-stage.ts';

const LIVES: readonly PartLife[] = ['with-machine', 'with-its-record', 'until-removed'];

/** One part of each life for the machine, named after it. */
function equip({ world }: CreatedWorld, machine: WorldMachine): readonly WorldPart[] {
  const { cloud, region, zone } = machine.pool;
  return LIVES.map((life) =>
    world.addPart({
      ...{ cloud, region, zone, kind: 'disk', name: life, machine: machine.serial, life },
      ...{ tags: { owner: 'me' }, details: { sizeGiB: 100 } },
    }),
  );
}

function left({ world }: CreatedWorld): readonly string[] {
  return world.parts('aws').map(({ name }) => name);
}

function inUse({ world }: CreatedWorld): readonly string[] {
  return world
    .parts('aws')
    .filter((part) => world.isInUse(part))
    .map(({ name }) => name);
}

describe('parts', () => {
  it('have a number and a time, are kept by cloud, and are removed once', async () => {
    const on = stage();
    await on.clock.advance(7);
    const [disk] = equip(on, launched(on));
    equip(on, launched(on, { pool: { ...ON_DEMAND, cloud: 'gcp' } }));
    expect(disk).toMatchObject({ serial: 1, createdAt: START + 7, tags: { owner: 'me' }, details: { sizeGiB: 100 } });
    expect(on.world.parts('aws').map(({ serial }) => serial)).toEqual([1, 2, 3]);
    on.world.removePart(2);
    on.world.removePart(2);
    on.world.removePart(99);
    expect(on.world.parts('aws').map(({ serial }) => serial)).toEqual([1, 3]);
    expect(on.world.parts('gcp')).toHaveLength(3);
  });

  it('end with their machine as each is told to, once it is terminated', async () => {
    const on = stage();
    const machine = launched(on);
    equip(on, machine);
    await on.clock.advance(2_000);
    expect(inUse(on)).toEqual(LIVES);
    on.world.terminate(machine.serial);
    expect([left(on), inUse(on)]).toEqual([LIVES, LIVES]);
    await on.clock.advance(1_000);
    expect([left(on), inUse(on)]).toEqual([['until-removed'], []]);
  });

  it('end without anybody asking: an interruption and a loss end them too', async () => {
    const on = stage();
    for (const end of [on.control.interrupt, on.control.lose]) {
      const machine = launched(on, { pool: SPOT });
      equip(on, machine);
      end(machine.serial);
      await on.clock.advance(7_200_000);
      expect(left(on)).toEqual(['until-removed']);
      for (const { serial } of on.world.parts('aws')) on.world.removePart(serial);
    }
  });

  it('of a launch that failed stay with its record until that is forgotten, where the cloud does so', async () => {
    const on = stage();
    on.control.setFree({ ...ON_DEMAND, accelerator: null, market: null }, 0);
    const machine = launched(on, { capacityAnswer: 'async' });
    equip(on, machine);
    expect(left(on)).toEqual(LIVES);
    await on.clock.advance(1_500);
    expect([left(on), inUse(on)]).toEqual([['with-its-record', 'until-removed'], ['with-its-record']]);
    on.world.forget(machine.serial);
    expect([left(on), inUse(on)]).toEqual([['until-removed'], []]);
  });

  it('are stranded by machines that end while the cloud fails to clean up, and by no others', async () => {
    const on = stage();
    const [before, during, after] = [launched(on), launched(on), launched(on)];
    for (const machine of [before, during, after]) equip(on, machine);
    on.world.terminate(before.serial);
    await on.clock.advance(1_000);
    on.control.setStrandsParts('aws', true);
    on.world.terminate(during.serial);
    await on.clock.advance(1_000);
    on.control.setStrandsParts('aws', false);
    on.world.terminate(after.serial);
    await on.clock.advance(1_000);
    const byMachine = on.world.parts('aws').map(({ machine, name }) => [machine, name]);
    expect(byMachine).toEqual([
      [before.serial, 'until-removed'],
      ...LIVES.map((life) => [during.serial, life]),
      [after.serial, 'until-removed'],
    ]);
    expect(inUse(on)).toEqual([]);
    for (const { serial } of on.world.parts('aws')) on.world.removePart(serial);
    expect(left(on)).toEqual([]);
  });

  it('are stranded in one cloud without the others', async () => {
    const on = stage();
    on.control.setStrandsParts('gcp', true);
    const machine = launched(on);
    equip(on, machine);
    on.world.terminate(machine.serial);
    await on.clock.advance(1_000);
    expect(left(on)).toEqual(['until-removed']);
  });

  it('of a failed launch that is forgotten while the cloud fails to clean up are stranded', async () => {
    const on = stage();
    on.control.setFree({ ...ON_DEMAND, accelerator: null, market: null }, 0);
    const machine = launched(on, { capacityAnswer: 'async' });
    equip(on, machine);
    on.control.setStrandsParts('aws', true);
    await on.clock.advance(1_500);
    on.world.forget(machine.serial);
    on.control.setStrandsParts('aws', false);
    expect(left(on)).toEqual(LIVES);
  });
});
