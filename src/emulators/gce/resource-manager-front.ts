import { z } from 'zod';
import type { Front, FrontRequest } from '../http/front.ts';
import type { World } from '../world/contract.ts';
import { readFront } from './read-front.ts';
import { VendorError } from './vendor-error.ts';

const PATH = /^\/v3\/projects\/([^/:]+):testIamPermissions$/;
/** Most that one request may ask about. Source: Cloud Resource Manager's reference. */
const MOST_PERMISSIONS = 100;
const testRequest = z.strictObject({
  permissions: z
    .array(z.string().regex(/^[^*]+$/))
    .min(1)
    .max(MOST_PERMISSIONS),
});

function parsedJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return null;
  }
}

/** Cloud Resource Manager: `projects.testIamPermissions` alone. It names what the caller has, and is silent about the rest. */
export function createResourceManagerFront(world: World): Front {
  const isTest = ({ method, url }: FrontRequest) => method === 'POST' && PATH.test(url.pathname);

  return readFront({
    service: 'cloud-resource-manager',
    operationOf: (request) => (isTest(request) ? 'projects.testIamPermissions' : null),
    answer({ body }) {
      const asked = testRequest.safeParse(parsedJson(body));
      if (!asked.success)
        throw new VendorError({
          ...{ status: 400, reason: 'badRequest', canonicalStatus: 'INVALID_ARGUMENT' },
          message: `Invalid value at 'permissions': ${asked.error.issues[0]?.message ?? 'invalid'}`,
        });
      const granted = asked.data.permissions.filter((permission) => !world.isDenied('gcp', permission));
      return granted.length === 0 ? {} : { permissions: granted };
    },
  });
}
