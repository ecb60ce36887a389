import { createFronts } from '../../../src/emulators/gce/index.ts';
import type { Front } from '../../../src/emulators/http/front.ts';
import type { ManualClock } from '../../../src/emulators/world/clocks.ts';
import { createManualClock } from '../../../src/emulators/world/clocks.ts';
import type { VendorErrorFact, World } from '../../../src/emulators/world/contract.ts';
import type { WorldControl } from '../../../src/emulators/world/control-contract.ts';
import { createWorld } from '../../../src/emulators/world/create-world.ts';
import { loadMarket } from '../../../src/emulators/world/load-market.ts';

export const PROJECT = '/compute/v1/projects/demo-project';
export const ZONE = `${PROJECT}/zones/us-central1-a`;
export const EVERYWHERE = {
  ...{ cloud: 'gcp' as const, region: null, zone: null, instanceType: null, accelerator: null, market: null },
};

export interface Answer {
  readonly status: number;
  readonly json: Record<string, unknown>;
}

/** The fronts on a fresh world, without sockets. */
export interface ProjectFront {
  readonly clock: ManualClock;
  readonly world: World;
  readonly control: WorldControl;
  readonly compute: Front;
  send(method: string, path: string, body?: object, forced?: VendorErrorFact): Promise<Answer>;
  sendTo(service: string, method: string, path: string, body?: object): Promise<Answer>;
}

export async function createProjectFront(): Promise<ProjectFront> {
  const clock = createManualClock(Date.UTC(2026, 9, 1));
  const { world, control } = createWorld({ seed: 5, clock, facts: [await loadMarket('gcp')] });
  control.setFree(EVERYWHERE, 10);
  const fronts = createFronts(world);

  async function ask(
    front: Front,
    request: { readonly method: string; readonly path: string; readonly body: object | undefined },
    forced: VendorErrorFact | null,
  ): Promise<Answer> {
    const url = new URL(request.path, 'http://emulated.invalid');
    const body = Buffer.from(request.body === undefined ? '' : JSON.stringify(request.body));
    const response = await front.handle({ method: request.method, url, headers: {}, body }, forced);
    return { status: response.status, json: JSON.parse(response.body) };
  }

  function of(name: string): Front {
    const front = fronts.find(({ service }) => service === name);
    if (front === undefined) throw new Error(`no front serves ${name}`);
    return front;
  }

  return {
    ...{ clock, world, control, compute: of('compute') },
    send: (method, path, body, forced) => ask(of('compute'), { method, path, body }, forced ?? null),
    sendTo: (service, method, path, body) => ask(of(service), { method, path, body }, null),
  };
}

export function instance(name: string, changes: object = {}): object {
  return {
    name,
    machineType: 'zones/us-central1-a/machineTypes/g2-standard-4',
    labels: { owner: 'me' },
    disks: [
      {
        ...{ boot: true, autoDelete: true },
        initializeParams: { sourceImage: 'family/x', diskSizeGb: '50', labels: { owner: 'me' } },
      },
    ],
    networkInterfaces: [{ network: 'global/networks/default', accessConfigs: [{ type: 'ONE_TO_ONE_NAT' }] }],
    scheduling: { onHostMaintenance: 'TERMINATE' },
    ...changes,
  };
}

export function spot(name: string): object {
  return instance(name, { scheduling: { provisioningModel: 'SPOT', instanceTerminationAction: 'DELETE' } });
}

/** The resources of one scope of an aggregated list, or its warning. */
export function scoped({ json }: Answer, scope: string): Record<string, unknown> {
  return Object(Reflect.get(Object(json['items']), scope));
}

export function reasonOf({ json }: Answer): unknown {
  return Reflect.get(Object(json['error']), 'errors')?.[0]?.reason;
}
