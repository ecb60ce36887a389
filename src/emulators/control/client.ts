import type { MicroUsdPerHour } from '../../domain/money.ts';
import type { EpochMs } from '../../domain/time.ts';
import type { MachineState, WorldReservation } from '../world/contract.ts';
import type { Fault, PoolPattern, TracePoint } from '../world/control-contract.ts';
import type { CloudId } from '../world/market-facts.ts';
import type { RateLimit } from '../world/rate-limits.ts';
import type { FaultsView, MachineView, PartView, PoolView, RequestsView, ReservationView, WorldView } from './views.ts';

/** A pattern as people write it: what is left out matches anything. */
export type LoosePattern = Pick<PoolPattern, 'cloud'> & Partial<PoolPattern>;
export type LooseFault = Pick<Fault, 'kind'> & Partial<Fault>;

export type LooseReservation = Omit<WorldReservation, 'kind' | 'startAt' | 'endAt' | 'tags' | 'details'> &
  Partial<WorldReservation>;
export interface LooseTracePoint extends Partial<Omit<TracePoint, 'pattern' | 'offsetMs'>> {
  readonly offsetMs: number;
  readonly pattern: LoosePattern;
}

/** The control API refused. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Every method rejects with {@link ControlError} when the control API refuses, and as `fetch` does when it is not there. */
export interface ControlClient {
  isHealthy(): Promise<boolean>;
  world(): Promise<WorldView>;
  machines(filter?: { readonly cloud?: CloudId; readonly state?: MachineState }): Promise<readonly MachineView[]>;
  pools(pattern: LoosePattern): Promise<readonly PoolView[]>;
  /** How many pools matched. */
  setFree(pattern: LoosePattern, free: number | null): Promise<number>;
  setSpotPrice(pattern: LoosePattern, priceMicroUsdPerHour: MicroUsdPerHour | null): Promise<void>;
  setQuotaLimit(cloud: CloudId, region: string | null, quota: string, limit: number): Promise<void>;
  setLatencies(
    cloud: CloudId,
    latencies: { readonly launchLatencyMs?: number; readonly visibilityDelayMs?: number },
  ): Promise<void>;
  interrupt(serial: number): Promise<MachineView>;
  lose(serial: number): Promise<MachineView>;
  faults(): Promise<readonly Fault[]>;
  addFault(fault: LooseFault): Promise<Fault>;
  removeFault(id: string): Promise<void>;
  /** Takes a region, or with null the whole cloud, down or up again. */
  setOutage(cloud: CloudId, region: string | null, down: boolean): Promise<void>;
  /** Null takes the limit away. */
  setRateLimit(cloud: CloudId, bucket: string, limit: RateLimit | null): Promise<void>;
  /** Replaces the former list. */
  setDenied(cloud: CloudId, permissions: readonly string[]): Promise<void>;
  reservations(filter?: { readonly cloud?: CloudId }): Promise<readonly ReservationView[]>;
  /** 409 when the id is taken. */
  addReservation(reservation: LooseReservation): Promise<ReservationView>;
  removeReservation(cloud: CloudId, id: string): Promise<void>;
  parts(filter?: { readonly cloud?: CloudId }): Promise<readonly PartView[]>;
  setStrandsParts(cloud: CloudId, strands: boolean): Promise<void>;
  /** Replays a recorded market from now on. */
  replay(points: readonly LooseTracePoint[]): Promise<void>;
  requests(after?: number): Promise<RequestsView>;
  /** Moves a manual clock; 409 on any other. The clock's new present. */
  advance(ms: number): Promise<EpochMs>;
}

export function createControlClient(controlUrl: string): ControlClient {
  /** Both ends are ours and of one version: the answer's shape is the views'. */
  async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(new URL(path, controlUrl), {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const value: unknown = await response.json();
    if (!response.ok) throw new ControlError(response.status, `${method} ${path}: ${JSON.stringify(value)}`);
    return value as T;
  }

  function queryOf(filter: Readonly<Record<string, string | null | undefined>>): string {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(filter)) if (value != null) query.set(key, value);
    return `?${query}`;
  }

  return {
    async isHealthy() {
      try {
        await ask('GET', '/healthz');
        return true;
      } catch {
        return false;
      }
    },
    world: () => ask('GET', '/world'),
    async machines(filter = {}) {
      const view = await ask<{ machines: readonly MachineView[] }>('GET', `/world/machines${queryOf({ ...filter })}`);
      return view.machines;
    },
    async pools(pattern) {
      const view = await ask<{ pools: readonly PoolView[] }>('GET', `/world/pools${queryOf({ ...pattern })}`);
      return view.pools;
    },
    async setFree(pattern, free) {
      const answer = await ask<{ matched: number }>('POST', '/world/pools', { pattern, free });
      return answer.matched;
    },
    async setSpotPrice(pattern, priceMicroUsdPerHour) {
      await ask('POST', '/world/prices', { pattern, priceMicroUsdPerHour });
    },
    async setQuotaLimit(cloud, region, quota, limit) {
      await ask('POST', '/world/quotas', { cloud, region, quota, limit });
    },
    async setLatencies(cloud, latencies) {
      await ask('POST', '/world/latencies', { cloud, ...latencies });
    },
    interrupt: (serial) => ask('POST', `/world/machines/${serial}/interrupt`),
    lose: (serial) => ask('POST', `/world/machines/${serial}/lose`),
    async faults() {
      const view = await ask<FaultsView>('GET', '/world/faults');
      return view.faults;
    },
    addFault: (fault) => ask('POST', '/world/faults', fault),
    async removeFault(id) {
      await ask('DELETE', `/world/faults/${encodeURIComponent(id)}`);
    },
    async setOutage(cloud, region, down) {
      await ask('POST', '/world/outages', { cloud, region, down });
    },
    async setRateLimit(cloud, bucket, limit) {
      await ask('POST', '/world/rate-limits', { cloud, bucket, limit });
    },
    async setDenied(cloud, permissions) {
      await ask('POST', '/world/denied', { cloud, permissions });
    },
    async reservations(filter = {}) {
      const path = `/world/reservations${queryOf({ ...filter })}`;
      const view = await ask<{ reservations: readonly ReservationView[] }>('GET', path);
      return view.reservations;
    },
    addReservation: (reservation) => ask('POST', '/world/reservations', reservation),
    async removeReservation(cloud, id) {
      await ask('DELETE', `/world/reservations/${encodeURIComponent(id)}${queryOf({ cloud })}`);
    },
    async parts(filter = {}) {
      const view = await ask<{ parts: readonly PartView[] }>('GET', `/world/parts${queryOf({ ...filter })}`);
      return view.parts;
    },
    async setStrandsParts(cloud, strands) {
      await ask('POST', '/world/strands', { cloud, strands });
    },
    async replay(points) {
      await ask('POST', '/world/traces', { points });
    },
    requests: (after = 0) => ask('GET', `/world/requests${queryOf({ after: String(after) })}`),
    async advance(ms) {
      const answer = await ask<{ now: EpochMs }>('POST', '/world/clock', { advanceMs: ms });
      return answer.now;
    },
  };
}
