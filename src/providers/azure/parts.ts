import type { Call } from '../provider.ts';
import { askArm } from './arm-requests.ts';
import type { Answer } from './calls.ts';
import type { AdapterContext } from './context.ts';
import { terminationError } from './errors.ts';
import type { PartKind } from './names.ts';
import { PART_TYPES, partName } from './names.ts';

/** The vendor operation that removes each kind. */
export const REMOVE_OPERATIONS: Readonly<Record<PartKind, string>> = {
  disk: 'disks.delete',
  'network-interface': 'networkInterfaces.delete',
  address: 'publicIPAddresses.delete',
};

/** `gone`: there was none. Sent once; throws only the signal's reason. */
export async function deletePart(
  context: AdapterContext,
  kind: PartKind,
  id: string,
  call: Call,
): Promise<Answer<'removing' | 'gone'>> {
  const { apiVersion } = PART_TYPES[kind];
  const request = { method: 'DELETE' as const, path: encodedId(id), query: { 'api-version': apiVersion } };
  const answer = await askArm(context.clients, request, call);
  if (answer.ok) return { ok: true, value: answer.value.status === 204 ? 'gone' : 'removing' };
  return answer.failure.status === 404 ? { ok: true, value: 'gone' } : answer;
}

function encodedId(id: string): string {
  return id.split('/').map(encodeURIComponent).join('/');
}

/** Removes by name what belongs to a machine that is no more. Throws a ProviderError for what is to be repeated. */
export async function removePartsOf(
  context: AdapterContext,
  machine: { readonly resourceGroup: string; readonly name: string },
  call: Call,
): Promise<'removing' | 'gone'> {
  const { subscriptionId, publicAddress } = context.settings;
  // The interface holds the address.
  const kinds: readonly PartKind[] = ['network-interface', ...(publicAddress ? (['address'] as const) : []), 'disk'];
  let outcome: 'removing' | 'gone' = 'gone';
  for (const kind of kinds) {
    const group = `/subscriptions/${subscriptionId}/resourceGroups/${machine.resourceGroup}`;
    const id = `${group}/providers/${PART_TYPES[kind].type}/${partName(machine.name, kind)}`;
    const answer = await deletePart(context, kind, id, call);
    if (!answer.ok) throw terminationError(answer.failure, REMOVE_OPERATIONS[kind]);
    if (answer.value === 'removing') outcome = 'removing';
  }
  return outcome;
}
