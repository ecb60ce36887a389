import type { AccessCheck, Call } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import type { Clients } from './clients.ts';
import { asProviderError, toProviderError } from './errors.ts';
import type { NeededPermission } from './permissions.ts';
import { permissionsFor } from './permissions.ts';
import { grantedPermissions } from './responses.ts';
import type { GcpOptions } from './settings.ts';

const OPERATION = 'projects.testIamPermissions';

/** Cloud Resource Manager says which of these permissions the caller has in the project. Asking needs none, and changes nothing. */
async function readGranted(
  clients: Clients,
  endpoint: string,
  project: string,
  permissions: readonly string[],
  call: Call,
): Promise<ReadonlySet<string>> {
  call.signal.throwIfAborted();
  const url = `${endpoint}/v3/projects/${project}:testIamPermissions`;
  try {
    return new Set(grantedPermissions.parse(await clients.post(url, { permissions }, call.signal)).permissions);
  } catch (error) {
    call.signal.throwIfAborted();
    throw toProviderError(error, OPERATION, false);
  }
}

export async function checkAccess(
  {
    clients,
    options,
    endpoint,
  }: { readonly clients: Clients; readonly options: GcpOptions; readonly endpoint: string },
  call: Call,
): Promise<readonly AccessCheck[]> {
  const needed = permissionsFor(options);
  const names = needed.map(({ permission }) => permission);
  const granted = await readGranted(clients, endpoint, options.project, names, call).catch(asProviderError);
  return needed.map((permission) => checkOf(permission, granted, options.project));
}

function checkOf(
  { permission, neededFor, required }: NeededPermission,
  granted: ReadonlySet<string> | ProviderError,
  project: string,
): AccessCheck {
  const common = { permission, neededFor, required };
  if (granted instanceof ProviderError) return { ...common, outcome: 'unknown', message: granted.message };
  if (granted.has(permission)) return { ...common, outcome: 'allowed', message: null };
  // The API names what is granted; of the rest it says nothing.
  const message = `${OPERATION} does not grant ${permission} on projects/${project}: add it to the broker's role`;
  return { ...common, outcome: 'missing', message };
}
