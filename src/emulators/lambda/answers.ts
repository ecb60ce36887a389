/** The shapes of Lambda's answers: reference 1.10.0. Success is `{data}`, failure `{error: {code, message, suggestion?}}`. */
import { parseUsd } from '../../domain/money.ts';
import type { FrontResponse } from '../http/front.ts';
import type { MachineState, World, WorldMachine } from '../world/contract.ts';
import type { InstanceTypeFact } from '../world/market-facts.ts';

const CLOUD = 'lambda';
const MICRO_USD_PER_CENT = 10_000;

export interface ApiError {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly suggestion?: string;
}

export function dataAnswer(data: unknown): FrontResponse {
  return json(200, { data });
}

export function errorAnswer({ status, ...error }: ApiError): FrontResponse {
  return json(status, { error });
}

function json(status: number, body: unknown): FrontResponse {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

/** 32 hexadecimal digits, from which `serialOf` reads the world's number. */
export function instanceIdOf(serial: number): string {
  return serial.toString(16).padStart(32, '0');
}

export function serialOf(instanceId: string): number | null {
  return /^0{19}[0-9a-f]{13}$/.test(instanceId) ? Number.parseInt(instanceId, 16) : null;
}

/** `failed` (the world's word for a launch that was accepted and came to nothing) shows as a machine that never became healthy. */
const STATUS: Readonly<Record<MachineState, string>> = {
  pending: 'booting',
  running: 'active',
  stopping: 'terminating',
  terminated: 'terminated',
  failed: 'unhealthy',
};

const UNAVAILABLE: Readonly<Partial<Record<MachineState, string>>> = {
  pending: 'vm-has-not-launched',
  stopping: 'vm-is-terminating',
  terminated: 'vm-is-terminating',
};

function regionJson(world: World, name: string): { readonly name: string; readonly description: string } {
  return { name, description: world.region(CLOUD, name)?.displayName ?? name };
}

export function regionsJson(world: World): readonly unknown[] {
  return world.facts(CLOUD).regions.map(({ name }) => regionJson(world, name));
}

function instanceTypeJson(world: World, type: InstanceTypeFact): Readonly<Record<string, unknown>> {
  const gpu = type.vendorGpuName ?? type.accelerator;
  return {
    name: type.name,
    description: `${type.acceleratorCount}x ${gpu}`,
    gpu_description: gpu,
    price_cents_per_hour: centsOf(world, type),
    specs: {
      vcpus: type.vcpus,
      memory_gib: type.memoryGiB,
      storage_gib: type.localSsdGiB,
      gpus: type.acceleratorCount,
    },
  };
}

/** One price for all regions: the API has no other. */
function centsOf(world: World, { name }: InstanceTypeFact): number {
  const prices = Object.values(world.facts(CLOUD).listPricesUsd).flatMap((ofRegion) => ofRegion[name] ?? []);
  return parseUsd(prices[0] ?? '0') / MICRO_USD_PER_CENT;
}

/** Every type, also those with no capacity anywhere; a region that is down has none. */
export function instanceTypesJson(world: World, hasCapacity: (region: string, type: string) => boolean): unknown {
  const { instanceTypes, regions } = world.facts(CLOUD);
  return Object.fromEntries(
    instanceTypes.map((type) => [
      type.name,
      {
        instance_type: instanceTypeJson(world, type),
        regions_with_capacity_available: regions
          .filter(({ name }) => !world.isDown(CLOUD, name) && hasCapacity(name, type.name))
          .map(({ name }) => regionJson(world, name)),
      },
    ]),
  );
}

/** What the front keeps with a machine, beside name and tags. */
export interface InstanceDetails {
  readonly sshKeyNames: readonly string[];
  readonly hostname: string | null;
  readonly image: string;
  readonly userData: string | null;
}

export function instanceJson(world: World, machine: WorldMachine, state: MachineState): unknown {
  const { serial, name, pool, tags, details } = machine;
  const type = world.instanceType(CLOUD, pool.instanceType);
  if (type === null) throw new Error(`there is no instance type ${pool.instanceType}`);
  const id = instanceIdOf(serial);
  const hasAddress = state === 'running';
  return {
    id,
    ...(name === null ? {} : { name }),
    ...(hasAddress ? addressesOf(serial, id) : {}),
    status: STATUS[state],
    ssh_key_names: details['sshKeyNames'] ?? [],
    file_system_names: [],
    region: regionJson(world, pool.region),
    instance_type: instanceTypeJson(world, type),
    ...(typeof details['hostname'] === 'string' ? { hostname: details['hostname'] } : {}),
    is_reserved: false,
    actions: actionsOf(state),
    tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
    firewall_rulesets: [],
  };
}

/** With the secret that the real API hands out in every listing. */
function addressesOf(serial: number, id: string): Readonly<Record<string, string>> {
  const token = `jupyter-secret-${id}`;
  return {
    ip: `198.51.100.${1 + (serial % 254)}`,
    private_ip: `10.19.${Math.floor(serial / 254) % 256}.${1 + (serial % 254)}`,
    jupyter_token: token,
    jupyter_url: `https://jupyter-${id}.lambdaspaces.example/?token=${token}`,
  };
}

function actionsOf(state: MachineState): Readonly<Record<string, unknown>> {
  const reason = UNAVAILABLE[state];
  const action = reason === undefined ? { available: true } : { available: false, reason_code: reason };
  // What still boots can be ended.
  const terminate = state === 'pending' ? { available: true } : action;
  return { migrate: action, rebuild: action, restart: action, cold_reboot: action, terminate };
}
