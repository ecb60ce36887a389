import type { CreateTagsRequest } from '@aws-sdk/client-ec2';
import { CreateTags$ } from '@aws-sdk/client-ec2';
import { serialOf } from '../instance-shape.ts';
import { badRequest } from '../vendor-error.ts';
import type { ActionContext } from './action.ts';
import { defineAction } from './action.ts';

/** Of instances only: nothing else is tagged after it was made. */
function runCreateTags({ world, region }: ActionContext, input: CreateTagsRequest): object {
  const tags = Object.fromEntries((input.Tags ?? []).map(({ Key: key = '', Value: value = '' }) => [key, value]));
  const machines = (input.Resources ?? []).map((id) => {
    const serial = serialOf(id);
    const machine = serial === null ? null : world.machine(serial);
    if (machine?.pool.cloud !== 'aws' || machine.pool.region !== region.name) {
      throw badRequest('InvalidInstanceID.NotFound', `The instance ID '${id}' does not exist`);
    }
    return machine;
  });
  for (const { serial } of machines) world.tag(serial, tags);
  return {};
}

export const createTags = defineAction(CreateTags$, true, runCreateTags);
