import { z } from 'zod';
import type { FrontRequest, FrontResponse } from '../http/front.ts';
import type { LaunchFailure, VendorErrorFact, World } from '../world/contract.ts';
import { DEFAULT_IMAGE_FAMILY, IMAGE_FAMILIES, SSH_KEY } from './account.ts';
import { type ApiError, dataAnswer, errorAnswer, type InstanceDetails, instanceIdOf } from './answers.ts';
import { jsonOf, type LaunchBody, launchBody } from './requests.ts';

const CLOUD = 'lambda';

/** One machine a launch: the reference has no `quantity` any more. A want of capacity or quota is answered at once. */
export function launchAnswer(
  world: World,
  request: FrontRequest,
  forcedFailure: VendorErrorFact | null,
): FrontResponse {
  const parsed = launchBody.safeParse(jsonOf(request));
  if (!parsed.success) return errorAnswer(invalid(z.prettifyError(parsed.error)));
  const body = parsed.data;
  const missing = missingOf(world, body);
  if (missing !== null) {
    const suggestion = 'Check the name and try again.';
    return errorAnswer({ status: 404, code: 'global/object-does-not-exist', message: missing, suggestion });
  }
  if (world.region(CLOUD, body.region_name) === null)
    return errorAnswer(invalid(`region_name: ${body.region_name} is no region`));
  return launched(world, body, forcedFailure);
}

function invalid(message: string): ApiError {
  return { status: 400, code: 'global/invalid-parameters', message };
}

/** The first thing that the request names and the account has not. */
function missingOf(world: World, body: LaunchBody): string | null {
  const { image } = body;
  const key = body.ssh_key_names.find((name) => name !== SSH_KEY.name);
  if (key !== undefined) return `SSH key ${key} does not exist.`;
  if (world.instanceType(CLOUD, body.instance_type_name) === null)
    return `Instance type ${body.instance_type_name} does not exist.`;
  if (image !== undefined && !('family' in image && IMAGE_FAMILIES.includes(image.family)))
    return `Image ${'family' in image ? image.family : image.id} does not exist.`;
  const fileSystem = [...body.file_system_names, ...body.file_system_mounts.map((mount) => mount.file_system_id)][0];
  if (fileSystem !== undefined) return `Filesystem ${fileSystem} does not exist.`;
  const [ruleset] = body.firewall_rulesets;
  return ruleset === undefined ? null : `Firewall ruleset ${ruleset.id} does not exist.`;
}

function launched(world: World, body: LaunchBody, forcedFailure: VendorErrorFact | null): FrontResponse {
  const { region_name: region, instance_type_name: instanceType, image } = body;
  const details: InstanceDetails = {
    sshKeyNames: body.ssh_key_names,
    hostname: body.hostname ?? null,
    image: image !== undefined && 'family' in image ? image.family : DEFAULT_IMAGE_FAMILY,
    userData: body.user_data ?? null,
  };
  const result = world.launch({
    pool: { cloud: CLOUD, region, zone: region, instanceType, market: 'on-demand' },
    ...{ count: 1, minCount: 1, maxPriceMicroUsdPerHour: null, capacityAnswer: 'sync', forcedFailure },
    names: body.name === undefined ? null : [body.name],
    tags: Object.fromEntries(body.tags.map(({ key, value }) => [key, value])),
    details: { ...details },
  });
  if (!result.accepted) return errorAnswer(refusalOf(result.failure));
  return dataAnswer({ instance_ids: result.machines.map(({ serial }) => instanceIdOf(serial)) });
}

function refusalOf(failure: LaunchFailure): ApiError {
  if (failure.kind === 'quota') {
    const suggestion = 'Contact Support to increase your quota.';
    return { status: 400, code: 'global/quota-exceeded', message: 'Quota exceeded.', suggestion };
  }
  return {
    status: 400,
    code: 'instance-operations/launch/insufficient-capacity',
    message: 'Not enough capacity to fulfill launch request.',
    suggestion: 'Try again later, or choose another region or instance type.',
  };
}
