import { z } from 'zod';
import type { Clock } from '../../domain/time.ts';
import { type AccessCheck, type Call, ProviderError } from '../provider.ts';
import type { Api } from './api.ts';
import { PERMISSIONS, type PermissionRow } from './permissions.ts';
import type { LambdaOptions } from './settings.ts';
import * as wire from './wire.ts';

/** The reference: one request a second. */
const PAUSE_MS = 1_000;

export interface Account {
  readonly options: LambdaOptions;
  readonly regions: readonly string[];
  readonly clock: Clock;
}

/** One read each, one after the other, a second apart where Lambda asks for it: nobody else could repeat one of them. */
export async function checkAccess(api: Api, account: Account, call: Call): Promise<readonly AccessCheck[]> {
  const checks: AccessCheck[] = [];
  for (const row of PERMISSIONS) {
    const check = await tried(api, account, row, call);
    checks.push(check ?? (await triedAfterPause(api, account, row, call)));
  }
  return checks;
}

async function triedAfterPause(api: Api, account: Account, row: PermissionRow, call: Call): Promise<AccessCheck> {
  await account.clock.sleep(PAUSE_MS, call.signal);
  const { permission, neededFor, required } = row;
  const message = 'Lambda allows no request right now: try again in a minute';
  return (await tried(api, account, row, call)) ?? { permission, neededFor, required, outcome: 'unknown', message };
}

/** Null = throttled. */
async function tried(api: Api, account: Account, row: PermissionRow, call: Call): Promise<AccessCheck | null> {
  const { permission, neededFor, required, path } = row;
  const check = { permission, neededFor, required };
  const data = permission === 'listSSHKeys' || permission === 'listRegions' ? wire.names : z.unknown();
  try {
    const answer = await api.send({ method: 'GET', path, operation: permission, data }, call);
    const lack = Array.isArray(answer)
      ? lackOf(
          permission,
          answer.map(({ name }) => name),
          account,
        )
      : null;
    return { ...check, outcome: lack === null ? 'allowed' : 'missing', message: lack };
  } catch (error) {
    call.signal.throwIfAborted();
    if (!(error instanceof ProviderError)) throw error;
    if (error.kind === 'rate-limited') return null;
    return { ...check, outcome: error.kind === 'unauthorized' ? 'missing' : 'unknown', message: error.message };
  }
}

/** What is configured and not there; null = nothing. */
function lackOf(permission: string, names: readonly string[], { options, regions }: Account): string | null {
  if (permission === 'listSSHKeys' && !names.includes(options.sshKeyName))
    return `the account has no SSH key "${options.sshKeyName}": add it, or set options.sshKeyName to one of ${listed(names)}`;
  const unknown = permission === 'listRegions' ? regions.filter((region) => !names.includes(region)) : [];
  return unknown.length === 0 ? null : `Lambda has no region ${unknown.join(', ')}; allowed: ${listed(names)}`;
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? '(there is none)' : names.join(', ');
}
