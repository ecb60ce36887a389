import type { ColumnType } from 'kysely';
import type { Market } from '../domain/pool.ts';

/**
 * A jsonb column: read as a value, written as JSON text. Text, because one of the two drivers would turn an array into
 * PostgreSQL's array syntax. Nothing is ever queried inside these, except where a module says so.
 */
export type Json<T> = ColumnType<T, string, string>;

export interface PoolColumns {
  provider: string;
  region: string;
  zone: string | null;
  instance_type: string;
  market: Market;
  reservation: string | null;
}
