import { readFile } from 'node:fs/promises';
import type { ProviderId } from '../domain/pool.ts';
import type { CloudsReady } from '../emulators/process.ts';
import { loadMarket } from '../emulators/world/load-market.ts';
import { CLOUD_IDS } from '../emulators/world/market-facts.ts';
import { type Child, startChild } from './children.ts';

/** Where running emulated clouds are. */
export type CloudsPlace = Pick<CloudsReady, 'endpoints' | 'certificateAuthority' | 'controlUrl'>;

/** What the emulated accounts are called: adapters need these names, and no emulated cloud checks them. */
const EMULATED_OPTIONS: Readonly<Record<ProviderId, Readonly<Record<string, unknown>>>> = {
  aws: {},
  azure: { subscriptionId: '00000000-0000-4000-8000-000000000000', resourceGroup: 'gpu-broker' },
  gcp: { project: 'emulated-project' },
  lambda: { sshKeyName: 'gpu-broker' },
};

export function emulatedOptions(provider: ProviderId): Readonly<Record<string, unknown>> {
  return EMULATED_OPTIONS[provider] ?? {};
}

/** Every region of the shipped market of this cloud. */
export async function emulatedRegions(provider: ProviderId): Promise<readonly string[]> {
  const cloud = CLOUD_IDS.find((id) => id === provider);
  if (cloud === undefined) throw new RangeError(`There is no emulated cloud for provider ${provider}`);
  const facts = await loadMarket(cloud);
  return facts.regions.map(({ name }) => name);
}

/** Reads what `gpu-broker clouds --ready-file` wrote. */
export async function readCloudsFile(file: string): Promise<CloudsPlace> {
  return checkedPlace(JSON.parse(await readFile(file, 'utf8')));
}

/** Starts the emulated clouds as a process of their own; they end with this process. */
export async function startCloudsChild(seed: number, logFile: string): Promise<{ child: Child; place: CloudsPlace }> {
  const child = await startChild({
    name: 'The emulated clouds',
    arguments: ['clouds', '--seed', String(seed), '--stop-with-parent'],
    logFile,
    readyWithinMs: 120_000,
  });
  return { child, place: checkedPlace(child.ready) };
}

function checkedPlace(value: unknown): CloudsPlace {
  if (isPlace(value)) return value;
  throw new TypeError('The emulated clouds did not say where they are');
}

function isPlace(value: unknown): value is CloudsPlace {
  return (
    typeof value === 'object' &&
    value !== null &&
    'endpoints' in value &&
    'controlUrl' in value &&
    typeof value.controlUrl === 'string' &&
    'certificateAuthority' in value &&
    typeof value.certificateAuthority === 'string'
  );
}
