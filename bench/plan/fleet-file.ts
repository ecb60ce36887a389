import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';

/** `W` of a placement file: a gang needs `k` nodes together, a service `k` replicas of one node. */
export interface FileWorkload {
  readonly id: string;
  readonly tmpl: string;
  readonly kind: 'gang' | 'svc';
  /** GPU, GPUs per node, throughput. */
  readonly alts: readonly (readonly [gpu: string, perNode: number, throughput: number])[];
  readonly k: number;
  readonly spot: boolean;
  readonly areas: readonly string[] | null;
  /** Gigabytes an hour from `home`. */
  readonly gbh: number;
  readonly home: string;
}

export interface FileOffer {
  readonly p: string;
  readonly r: string;
  readonly z: string | null;
  readonly it: string;
  readonly gpu: string;
  readonly n: number;
  readonly m: 'od' | 'spot';
  /** Dollars an hour. */
  readonly price: number;
  readonly area: string;
}

/** A placement problem: workloads, offers, and GPUs that may be had by provider, region, GPU and market. */
export interface FleetFile {
  readonly name: string;
  readonly W: readonly FileWorkload[];
  readonly O: readonly FileOffer[];
  readonly cap: readonly (readonly [p: string, r: string, gpu: string, m: 'od' | 'spot', gpus: number])[];
}

/** Reads `*.json.gz` or plain JSON. Throws an Error that names the file where it is no placement problem. */
export async function readFleetFile(file: string): Promise<FleetFile> {
  const bytes = await readFile(file);
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  const data: unknown = JSON.parse(text);
  if (!isFleet(data)) throw new Error(`${file} is no placement problem: it must have the lists W, O and cap`);
  return { name: file.replace(/^.*\//, '').replace(/\.json(\.gz)?$/, ''), W: data.W, O: data.O, cap: data.cap };
}

function isFleet(data: unknown): data is Omit<FleetFile, 'name'> {
  return (
    typeof data === 'object' &&
    data !== null &&
    ['W', 'O', 'cap'].every((key) => Array.isArray(Object.entries(data).find(([name]) => name === key)?.[1]))
  );
}

/** The same market with `count` workloads, drawn from the file's in turn; capacity grows with them. */
export function grown(fleet: FleetFile, count: number): FleetFile {
  const factor = count / fleet.W.length;
  const W = Array.from({ length: count }, (_, index): FileWorkload => {
    const template = fleet.W[(index * 7919) % fleet.W.length];
    if (template === undefined) throw new RangeError(`${fleet.name} has no workloads to grow from`);
    return { ...template, id: `w${index}` };
  });
  const cap = fleet.cap.map(([p, r, gpu, m, gpus]) => [p, r, gpu, m, Math.ceil((gpus * factor) / 8) * 8] as const);
  return { name: `W${count} of ${fleet.name}`, W, O: fleet.O, cap };
}
