import type { Clock } from '../../domain/time.ts';
import type { AzureClients } from './clients.ts';
import type { AzureSettings } from './settings.ts';

/** What every operation of the adapter needs; nothing in it changes. */
export interface AdapterContext {
  readonly clients: AzureClients;
  readonly settings: AzureSettings;
  readonly clock: Clock;
  /** OpenSSH public key for the machines' user: ARM insists on one. */
  readonly sshPublicKey: string;
}
