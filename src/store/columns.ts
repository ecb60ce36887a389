import { type RawBuilder, sql } from 'kysely';
import type { Market, Pool } from '../domain/pool.ts';
import type { EpochMs } from '../domain/time.ts';
import { StoreError } from './errors.ts';

/** Epoch milliseconds as a timestamptz parameter. */
export function time(at: EpochMs): Date {
  return new Date(at);
}

export function epochMs(column: Date): EpochMs {
  return column.getTime();
}

export function epochMsOrNull(column: Date | null): EpochMs | null {
  return column === null ? null : column.getTime();
}

/** A list of texts as one array parameter: no limit on its length, one prepared statement whatever the length. */
export function textArray(texts: readonly string[]): RawBuilder<readonly string[]> {
  return sql`${texts}::text[]`;
}

/** A value as a jsonb parameter. */
export function json(value: unknown): string {
  return JSON.stringify(value);
}

/** The driver's reader of int8 on both engines: money, counts and sequences are safe integers or a bug. Throws StoreError. */
export function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) {
    throw new StoreError('corrupt', `The stored number ${text} is larger than can be computed with exactly (2^53)`);
  }
  return value;
}

export interface PoolColumnValues {
  readonly provider: string;
  readonly region: string;
  readonly zone: string | null;
  readonly instance_type: string;
  readonly market: Market;
  readonly reservation: string | null;
}

export function poolOf(row: PoolColumnValues): Pool {
  const { provider, region, zone, market, reservation } = row;
  return { provider, region, zone, instanceType: row.instance_type, market, reservation };
}

export function poolColumns(pool: Pool): PoolColumnValues {
  const { provider, region, zone, market, reservation } = pool;
  return { provider, region, zone, instance_type: pool.instanceType, market, reservation };
}
