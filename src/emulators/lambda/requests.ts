/** What the launch and terminate requests may hold: Lambda Cloud API reference 1.10.0, `InstanceLaunchRequest`, `InstanceTerminateRequest`. */
import { z } from 'zod';
import type { FrontRequest } from '../http/front.ts';

const MEGABYTE = 1_000_000;

const tagEntry = z.strictObject({
  key: z
    .string()
    .max(55)
    .regex(/^[a-z][a-z0-9-:]+$/),
  value: z.string().max(128),
});

/** The reference forbids no further fields; here they are refused, so that a slip of a client is noticed. */
export const launchBody = z.strictObject({
  region_name: z.string().min(1),
  instance_type_name: z.string().min(1),
  ssh_key_names: z.array(z.string()).length(1, 'exactly one SSH key must be specified'),
  file_system_names: z.array(z.string()).default([]),
  file_system_mounts: z.array(z.strictObject({ mount_point: z.string(), file_system_id: z.string() })).default([]),
  hostname: z
    .string()
    .regex(/^[a-z0-9][0-9a-z-]{0,62}$/)
    .optional(),
  name: z.string().max(64).optional(),
  image: z.union([z.strictObject({ id: z.string().min(1) }), z.strictObject({ family: z.string().min(1) })]).optional(),
  user_data: z
    .string()
    .refine((text) => Buffer.byteLength(text) <= MEGABYTE, 'cannot exceed 1MB in size')
    .optional(),
  tags: z
    .array(tagEntry)
    .refine((tags) => new Set(tags.map(({ key }) => key)).size === tags.length, 'a key appears twice')
    .default([]),
  firewall_rulesets: z.array(z.strictObject({ id: z.string() })).default([]),
});

export type LaunchBody = z.output<typeof launchBody>;

export const terminateBody = z.strictObject({ instance_ids: z.array(z.string()).min(1) });

/** Undefined where the body is no JSON. */
export function jsonOf({ body }: FrontRequest): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
