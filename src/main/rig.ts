import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pageSchema } from '../api/resources/common.ts';
import { type WorkloadJson, workloadStateSchema } from '../api/resources/workloads.ts';
import { ApiClient } from '../cli/api-client.ts';
import { type ControlClient, createControlClient } from '../emulators/control/client.ts';
import { type Child, startChild } from './children.ts';
import { startCloudsChild } from './emulated-clouds.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');

export interface RigOptions {
  readonly seed: number;
  /** 0 = any free one. */
  readonly port: number;
  /** A directory with `broker.yaml`, `policies/` and `workloads/`; default: the program's own samples. */
  readonly configDirectory?: string;
  /** Where the store and the logs go; default: a new temporary directory, removed by `stop`. */
  readonly dataDirectory?: string;
}

/** Emulated clouds and a broker on them, each a process of its own, so that the broker can die and the clouds remember. */
export interface Rig {
  readonly api: ApiClient;
  readonly control: ControlClient;
  readonly url: string;
  readonly dataDirectory: string;
  /** As a crash: SIGKILL, also while the broker is only starting; `startBroker` then rejects. */
  killBroker(): Promise<void>;
  /** Starts the broker again on the same store and port range; `api` speaks to the new one. */
  startBroker(): Promise<void>;
  stop(): Promise<void>;
}

/** The configuration that ships with the program. */
export const SAMPLE_CONFIG = path.join(ROOT, 'config');

export async function startClouds(options: RigOptions): Promise<{
  readonly clouds: Child;
  readonly control: ControlClient;
  readonly cloudsFile: string;
  readonly dataDirectory: string;
  readonly ownsDirectory: boolean;
}> {
  const ownsDirectory = options.dataDirectory === undefined;
  const dataDirectory = options.dataDirectory ?? (await mkdtemp(path.join(tmpdir(), 'gpu-broker-')));
  await mkdir(dataDirectory, { recursive: true });
  const { child, place } = await startCloudsChild(options.seed, path.join(dataDirectory, 'clouds.log'));
  const cloudsFile = path.join(dataDirectory, 'clouds.json');
  await writeFile(cloudsFile, JSON.stringify(place));
  return { clouds: child, control: createControlClient(place.controlUrl), cloudsFile, dataDirectory, ownsDirectory };
}

export async function startRig(options: RigOptions, tell: (step: string) => void = () => {}): Promise<Rig> {
  tell('Starting the emulated clouds: one world behind the protocols of EC2, ARM and GCE');
  const { clouds, control, cloudsFile, dataDirectory, ownsDirectory } = await startClouds(options);
  const configDirectory = options.configDirectory ?? SAMPLE_CONFIG;
  let broker: Child | null = null;
  let spawned: ChildProcess | null = null;
  let api: ApiClient | null = null;
  let url = '';

  async function startBroker(): Promise<void> {
    broker = await startChild({
      name: 'The broker',
      arguments: [
        'serve',
        ...['--config', path.join(configDirectory, 'broker.yaml')],
        ...['--policies', path.join(configDirectory, 'policies')],
        ...['--data', dataDirectory],
        ...['--clouds-file', cloudsFile],
        ...['--port', String(options.port)],
        '--ready-line',
      ],
      logFile: path.join(dataDirectory, 'broker.log'),
      readyWithinMs: 120_000,
      onSpawn: (child) => {
        spawned = child;
      },
    });
    url = urlOf(broker.ready);
    api = new ApiClient(url, fetch);
  }

  async function stop(): Promise<void> {
    await broker?.stop();
    await clouds.stop();
    if (ownsDirectory) await rm(dataDirectory, { recursive: true, force: true });
  }

  try {
    tell('Starting the broker: embedded PostgreSQL, planner, adapters for AWS, Azure and GCP');
    await startBroker();
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }
  return {
    get api() {
      if (api === null) throw new Error('The broker is not running');
      return api;
    },
    get url() {
      return url;
    },
    ...{ control, dataDirectory, startBroker, stop },
    killBroker: async () => {
      broker = null;
      if (spawned === null || spawned.exitCode !== null || spawned.signalCode !== null) return;
      const exited = once(spawned, 'exit');
      spawned.kill('SIGKILL');
      await exited;
    },
  };
}

function urlOf(ready: unknown): string {
  if (typeof ready === 'object' && ready !== null && 'url' in ready && typeof ready.url === 'string') return ready.url;
  throw new TypeError('The broker did not say where it listens');
}

/** Every sample workload as one request, so that one plan places them together. */
export async function applyWorkloads(api: ApiClient, configDirectory = SAMPLE_CONFIG): Promise<number> {
  const directory = path.join(configDirectory, 'workloads');
  const names = (await readdir(directory)).filter((name) => name.endsWith('.yaml')).toSorted();
  const documents = await Promise.all(names.map((name) => readFile(path.join(directory, name), 'utf8')));
  await api.send('POST', '/v1/workloads', {
    headers: { 'content-type': 'application/yaml' },
    body: documents.join('\n---\n'),
  });
  return documents.length;
}

const workloadPage = pageSchema(workloadStateSchema, 'WorkloadPage');

export function allWorkloads(api: ApiClient): Promise<WorkloadJson[]> {
  return api.list<typeof workloadStateSchema>('/v1/workloads', workloadPage);
}

/** Every replica of every workload has all its machines ready. */
export function isSettled(workloads: readonly WorkloadJson[]): boolean {
  return (
    workloads.length > 0 &&
    workloads.every(({ state, replicaCount, readyReplicaCount, leases }) => {
      const changing = leases.some((lease) => lease.state !== 'ready');
      return state === 'placed' && readyReplicaCount === replicaCount && !changing;
    })
  );
}
