import { expect, it } from 'vitest';
import { describePostgres } from '../store/engines.ts';
import { startBrokerRig } from '../support/broker-rig.ts';
import { aWorkload } from '../support/samples.ts';

describePostgres('two brokers on one database', (engine) => {
  it('share the work: every lease has one machine, through a loss, a restart and a delete', async () => {
    const rig = await startBrokerRig({ store: await engine.open() });
    try {
      await rig.startAnother(await engine.open());
      for (const name of ['a', 'b', 'c']) await rig.service.applyWorkload(aWorkload({ name, replicas: 4 }));
      for (const name of ['a', 'b', 'c']) await rig.untilReady(name);
      expect(rig.machines()).toHaveLength(12);
      const [victim] = rig.machines();
      if (victim === undefined) throw new Error('no machine');
      rig.clouds.control.lose(victim.serial);
      await rig.until('the loss is noticed', async () => (await rig.events('lease.lost')).length === 1, 60);
      await rig.restart();
      for (const name of ['a', 'b', 'c']) await rig.untilReady(name);

      const machines = rig.machines();
      const attempts = machines.map(({ tags }) => tags['gpu-broker-attempt']);
      expect(machines).toHaveLength(12);
      expect(new Set(attempts).size).toBe(12);
      const holders = await rig.store.database.selectFrom('plans').select('id').execute();
      expect(holders.length, 'no plan is made twice').toBeLessThanOrEqual(4);

      const { id } = await rig.service.deleteWorkload('b');
      await rig.until('b is deleted', async () => (await rig.service.getWorkload(id)).state === 'deleted', 120);
      await rig.until('its machines are gone', async () => rig.machines().length === 8, 60);
    } finally {
      await rig.close();
    }
  });
});
