import type { Clock } from '../../domain/time.ts';
import type { Clients } from './clients.ts';
import type { AwsOptions } from './settings.ts';

/** What every question to AWS needs; made once per adapter. */
export interface AwsContext {
  readonly clients: Clients;
  /** Those configured. */
  readonly regions: readonly string[];
  readonly options: AwsOptions;
  readonly clock: Clock;
}
