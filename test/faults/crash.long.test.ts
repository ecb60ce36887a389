import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { type Rig, SAMPLE_CONFIG, startRig } from '../../src/main/rig.ts';
import { describeStore } from '../store/engines.ts';
import { surviveCrashes } from './crashing.ts';

const CRASHES = Number(process.env['CRASHES'] ?? 200);
const SEED = 23;
const TIMEOUT_MS = 3_600_000;

describeStore(`kill -9 of the broker, ${CRASHES} times`, (engine) => {
  it(
    'leaks, doubles and loses nothing, and the store opens every time',
    async () => {
      // The test's own connection is not needed, only its database.
      if (engine.name === 'postgres') await (await engine.open()).close();
      const directory = await mkdtemp(path.join(tmpdir(), 'gpu-broker-config-'));
      await cp(SAMPLE_CONFIG, directory, { recursive: true });
      if (engine.name === 'postgres') await useStoreAt(engine.url(), path.join(directory, 'broker.yaml'));
      let rig: Rig | null = null;
      try {
        rig = await startRig({ seed: SEED, port: 0, configDirectory: directory });
        await surviveCrashes(rig, SEED, CRASHES);
      } finally {
        await rig?.stop();
        await rm(directory, { recursive: true, force: true });
      }
    },
    TIMEOUT_MS,
  );
});

async function useStoreAt(url: string, file: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  const changed = text.replace(/^ {2}store: .*$/m, `  store: { url: "${url}" }`);
  expect(changed).not.toBe(text);
  await writeFile(file, changed);
}
