/** What is read of Lambda's answers (reference 1.10.0). Everything else, such as an instance's `jupyter_token`, is dropped unread. */
import { z } from 'zod';

const named = z.object({ name: z.string() });

export const instanceType = z.object({
  name: z.string(),
  gpu_description: z.string(),
  price_cents_per_hour: z.number(),
  specs: z.object({ vcpus: z.number(), memory_gib: z.number(), gpus: z.number() }),
});

export const instanceTypes = z.record(
  z.string(),
  z.object({ instance_type: instanceType, regions_with_capacity_available: z.array(named) }),
);

export const instance = z.object({
  id: z.string().min(1),
  status: z.string(),
  region: named,
  instance_type: named,
  tags: z.array(z.object({ key: z.string(), value: z.string() })).default([]),
});

export type WireInstance = z.output<typeof instance>;
export type WireInstanceType = z.output<typeof instanceType>;

export const instances = z.array(instance);
export const names = z.array(named);
export const launched = z.object({ instance_ids: z.array(z.string().min(1)).length(1) });
export const terminated = z.object({ terminated_instances: z.array(z.object({ id: z.string(), status: z.string() })) });
