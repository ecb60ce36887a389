import { z } from 'zod';
import type { AccessCheck, Call } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import { askArm, listFromArm } from './arm-requests.ts';
import type { AdapterContext } from './context.ts';
import { providerErrorOf } from './errors.ts';
import type { PermissionRow } from './permissions.ts';
import { PERMISSION_TO_CHECK, PERMISSIONS, RESOURCE_PROVIDERS } from './permissions.ts';
import type { AzureSettings } from './settings.ts';

const PERMISSIONS_API = '2022-04-01';
const PROVIDERS_API = '2021-04-01';

const grantSchema = z.object({ actions: z.array(z.string()), notActions: z.array(z.string()).default([]) });
type Grant = z.infer<typeof grantSchema>;

/** What the identity may do at one place: its grants, or why they could not be read. */
type Known = { readonly place: string } & ({ readonly grants: readonly Grant[] } | { readonly problem: string });

/**
 * Asks Azure which permissions the identity effectively has in the subscription, in each resource group and on each subnet, and holds the
 * table of what the adapter needs against them. Changes nothing. Throws only the signal's reason.
 */
export async function checkAccess(context: AdapterContext, call: Call): Promise<readonly AccessCheck[]> {
  const places = placesOf(context.settings);
  const known = new Map(
    await Promise.all(
      Object.entries(places).map(
        async ([scope, paths]) =>
          [scope, await Promise.all(paths.map((path) => grantsAt(context, path, call)))] as const,
      ),
    ),
  );
  const rows = PERMISSIONS.filter((row) => isUsed(row, context.settings));
  const checks = rows.map((row) => checkOf(row, known.get(row.scope) ?? []));
  const registrations = await Promise.all(
    RESOURCE_PROVIDERS.map((namespace) => registrationOf(context, namespace, call)),
  );
  return [...checks, ...registrations.flatMap((check) => check ?? [])];
}

function placesOf(settings: AzureSettings): Readonly<Record<PermissionRow['scope'], readonly string[]>> {
  const subscription = `/subscriptions/${settings.subscriptionId}`;
  const groups = settings.regions.map((region) => `${subscription}/resourceGroups/${settings.resourceGroupOf(region)}`);
  return {
    subscription: [subscription],
    'resource-group': [...new Set(groups)],
    subnet: [...new Set(settings.regions.map((region) => settings.subnetOf(region)))],
  };
}

function isUsed({ onlyWith }: PermissionRow, settings: AzureSettings): boolean {
  switch (onlyWith) {
    case null:
      return true;
    case 'publicAddress':
      return settings.publicAddress;
    case 'identityIds':
      return settings.identityIds.length > 0;
    case 'securityGroupIds':
      return settings.regions.some((region) => settings.securityGroupOf(region) !== null);
    default:
      return onlyWith satisfies never;
  }
}

async function grantsAt(context: AdapterContext, place: string, call: Call): Promise<Known> {
  const path = `${place}/providers/Microsoft.Authorization/permissions`;
  const request = { path, query: { 'api-version': PERMISSIONS_API } };
  try {
    return { place, grants: await listFromArm(context.clients, 'permissions.list', request, grantSchema, call) };
  } catch (error) {
    call.signal.throwIfAborted();
    if (!(error instanceof ProviderError)) throw error;
    return {
      place,
      problem: `Azure did not say what the identity may do at ${place} (it must have ${PERMISSION_TO_CHECK.permission} there): ${error.message}`,
    };
  }
}

function checkOf({ permission, neededFor, required }: PermissionRow, known: readonly Known[]): AccessCheck {
  const without = known.filter((at) => 'grants' in at && !isAllowed(permission, at.grants));
  if (without.length > 0) {
    const places = without.map(({ place }) => place).join(', ');
    return {
      ...{ permission, neededFor, required, outcome: 'missing' },
      message: `no role of the identity grants ${permission} at ${places}: assign it the role in config/permissions/azure-role.json there`,
    };
  }
  const problem = known.find((at) => 'problem' in at);
  if (problem !== undefined)
    return { ...{ permission, neededFor, required, outcome: 'unknown' }, message: problem.problem };
  return { permission, neededFor, required, outcome: 'allowed', message: null };
}

/** A role's exceptions take from that role alone; what another role gives stays given. */
export function isAllowed(permission: string, grants: readonly Grant[]): boolean {
  return grants.some(
    ({ actions, notActions }) =>
      actions.some((pattern) => covers(pattern, permission)) &&
      !notActions.some((pattern) => covers(pattern, permission)),
  );
}

/** `*` stands for any run of characters; case does not count. */
function covers(pattern: string, permission: string): boolean {
  const source = pattern.split('*').map(literal).join('.*');
  return new RegExp(`^${source}$`, 'i').test(permission);
}

function literal(text: string): string {
  return text.replaceAll(/[^\w]/g, String.raw`\$&`);
}

const providerSchema = z.object({ registrationState: z.string() });

/** Null where the resource provider is registered, or nobody may tell: the permission to ask has a row of its own. */
async function registrationOf(context: AdapterContext, namespace: string, call: Call): Promise<AccessCheck | null> {
  const about = {
    permission: `${namespace}/register/action`,
    neededFor: `using ${namespace} in this subscription at all`,
    required: true,
  };
  const path = `/subscriptions/${context.settings.subscriptionId}/providers/${namespace}`;
  const request = { method: 'GET' as const, path, query: { 'api-version': PROVIDERS_API } };
  const answer = await askArm(context.clients, request, call);
  if (!answer.ok) {
    if (answer.failure.status === 403) return null;
    const { message } = providerErrorOf(answer.failure, 'providers.get', 'read');
    return { ...about, outcome: 'unknown', message };
  }
  const provider = providerSchema.safeParse(answer.value.body);
  if (!provider.success)
    return { ...about, outcome: 'unknown', message: 'Azure does not say whether it is registered' };
  const { registrationState } = provider.data;
  if (registrationState.toLowerCase() === 'registered') return null;
  return {
    ...about,
    outcome: 'missing',
    message: `${namespace} is ${registrationState}: run az provider register --namespace ${namespace}`,
  };
}
