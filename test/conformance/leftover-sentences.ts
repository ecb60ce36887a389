import { expect } from 'vitest';
import type { Instance, Leftover } from '../../src/providers/provider.ts';
import type { SentenceList } from './sentence.ts';
import {
  call,
  endMachine,
  everythingLeft,
  LONG_MS,
  launchRequest,
  livingMachines,
  OWNER,
  type Subject,
} from './subject.ts';

async function leftoversOf(subject: Subject, owner = OWNER): Promise<readonly Leftover[]> {
  const { leftovers, regions } = await subject.provider.listLeftovers(
    { owner, regions: subject.facts.regions },
    call(),
  );
  expect(regions.map(({ region }) => region).toSorted()).toEqual([...subject.facts.regions].toSorted());
  for (const { complete, error } of regions) expect({ complete, error }).toEqual({ complete: true, error: null });
  return leftovers;
}

/**
 * A machine that ran and ended, with or without the cloud clearing up behind it. Where it does not, the cloud loses the machine: an
 * adapter whose `terminate` removes parts by name would leave nothing to be found.
 */
async function ended(
  subject: Subject,
  changes: Parameters<typeof launchRequest>[1],
  strands: boolean,
): Promise<Instance> {
  const { control } = subject.clouds;
  const { instances } = await subject.provider.launch(launchRequest(subject.aPool(), changes), call());
  const [instance] = instances;
  if (instance === undefined) throw new Error('nothing was started');
  await subject.clock.advance(LONG_MS);
  control.setStrandsParts(subject.facts.cloud, strands);
  if (strands) loseMachineOf(subject, instance);
  else await endMachine(subject, instance.ref);
  await subject.clock.advance(LONG_MS);
  subject.clouds.world.parts(subject.facts.cloud);
  control.setStrandsParts(subject.facts.cloud, false);
  return instance;
}

function loseMachineOf(subject: Subject, { ref }: Instance): void {
  const machine = livingMachines(subject).find(({ tags }) => Object.values(tags).includes(ref.idempotencyKey));
  if (machine === undefined) throw new Error(`no machine carries the key ${ref.idempotencyKey}`);
  subject.clouds.control.lose(machine.serial);
}

async function removeUntilGone(subject: Subject, leftover: Leftover): Promise<void> {
  for (let attempt = 0; attempt < 10; attempt += 1) {
    if ((await subject.provider.removeLeftover(leftover, call())) === 'gone') return;
    await subject.clock.advance(LONG_MS);
  }
  throw new Error(`${leftover.id} would not go`);
}

export const leftoverSentences: SentenceList = [
  {
    title: 'a machine that ends in the usual way leaves nothing',
    async check(subject) {
      await ended(subject, {}, false);
      expect(everythingLeft(subject)).toEqual([]);
      expect(await leftoversOf(subject)).toEqual([]);
    },
  },
  {
    title: 'what a machine left behind is listed with owner, attempt and place, and can be removed, again and again',
    async check(subject) {
      const { ref } = await ended(subject, { idempotencyKey: '01k8left' }, true);
      const left = await leftoversOf(subject);
      expect(left.length).toBe(everythingLeft(subject).length);
      expect(left.length).toBeGreaterThan(0);
      for (const leftover of left) {
        expect(leftover).toMatchObject({ owner: OWNER, region: ref.region, idempotencyKey: '01k8left' });
        expect(leftover.createdAt ?? 0).toBeLessThanOrEqual(subject.clock.now());
      }
      const restarted = await subject.createAnother();
      for (const leftover of left) {
        await removeUntilGone(subject, leftover);
        expect(await restarted.removeLeftover(leftover, call())).toBe('gone');
      }
      expect(everythingLeft(subject)).toEqual([]);
      expect(await leftoversOf(subject)).toEqual([]);
    },
  },
  {
    title: 'what belongs to a machine that lives, or to another owner, is no leftover of ours',
    async check(subject) {
      await ended(subject, { idempotencyKey: '01k8other', owner: 'somebody-else' }, true);
      await subject.provider.launch(launchRequest(subject.aPool()), call());
      await subject.clock.advance(LONG_MS);
      expect(await leftoversOf(subject)).toEqual([]);
      expect((await leftoversOf(subject, 'somebody-else')).length).toBeGreaterThan(0);
    },
  },
  {
    title: 'a leftover that a machine uses again is left alone: a conflict',
    async check(subject) {
      const { cloud } = subject.facts;
      const { instances } = await subject.provider.launch(launchRequest(subject.aPool()), call());
      await subject.clock.advance(LONG_MS);
      const disk = subject.clouds.world.parts(cloud).find(({ kind }) => kind === 'disk');
      expect(disk).toBeDefined();
      await ended(subject, { idempotencyKey: '01k8left' }, true);
      const [left] = (await leftoversOf(subject)).filter(({ kind }) => kind === 'disk');
      if (left === undefined || disk === undefined) throw new Error('no disk was left');
      const stranded = everythingLeft(subject).find(({ kind, machine }) => kind === 'disk' && machine !== disk.machine);
      if (stranded === undefined) throw new Error('no disk was left');
      // Its name, but of a disk that is in use.
      const inUse: Leftover = { ...left, id: left.id.replace(stranded.name, disk.name) };
      await expect(subject.provider.removeLeftover(inUse, call())).rejects.toMatchObject({ kind: 'conflict' });
      expect(subject.clouds.world.parts(cloud).map(({ serial }) => serial)).toContain(disk.serial);
      expect(instances).toHaveLength(1);
    },
  },
];
