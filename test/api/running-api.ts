import type { AddressInfo } from 'node:net';
import pino from 'pino';
import { Registry } from 'prom-client';
import { createApi } from '../../src/api/create-api.ts';
import type { Clock } from '../../src/domain/time.ts';
import { MemoryService } from './memory-service.ts';

/** A clock that stands still; sleepers wake when the test says so. */
export class ManualClock implements Clock {
  #now = 1_793_491_200_000;
  readonly #sleepers = new Set<() => void>();
  #onSleep: (() => void) | null = null;

  now(): number {
    return this.#now;
  }

  sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason));
      this.#sleepers.add(resolve);
      this.#onSleep?.();
    });
  }

  /** Waits until somebody sleeps, then moves time on and wakes them. */
  async advanceSleepers(ms: number): Promise<void> {
    if (this.#sleepers.size === 0) {
      await new Promise<void>((resolve) => {
        this.#onSleep = resolve;
      });
    }
    this.#now += ms;
    for (const wake of this.#sleepers) wake();
    this.#sleepers.clear();
  }
}

/** The API over a listening socket, with a broker in memory; closed when disposed. */
export async function startApi() {
  const service = new MemoryService();
  const clock = new ManualClock();
  const lines: string[] = [];
  const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  let requests = 0;
  const app = createApi({
    service,
    logger,
    clock,
    version: '1.2.3',
    allowedHosts: ['127.0.0.1', 'localhost'],
    registry: new Registry(),
    createRequestId: () => `request-${++requests}`,
  });
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    service,
    clock,
    url,
    log: lines,
    async [Symbol.asyncDispose](): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
