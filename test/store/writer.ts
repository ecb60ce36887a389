/** A process of its own for `open-store.integration.test.ts`: opens a data directory, and holds it or writes until it is killed. */
import { appendEvent } from '../../src/store/events.ts';
import { raiseFleetRevision } from '../../src/store/fleet.ts';
import { openStore } from '../../src/store/open-store.ts';

const [, , dataDirectory = '', mode = ''] = process.argv;
const store = await openStore({ kind: 'embedded', dataDirectory });
process.stdout.write('open\n');
if (mode === 'hold') setInterval(() => {}, 60_000);
for (let at = 0; mode === 'write'; at += 1) {
  await store.transaction(async (transaction) => {
    await raiseFleetRevision(transaction);
    await appendEvent(transaction, {
      at,
      type: 'test.written',
      workloadId: null,
      leaseId: null,
      message: 'Written',
      data: { at },
    });
  });
  process.stdout.write('committed\n');
}
