import type { Front } from '../http/front.ts';
import type { World } from '../world/contract.ts';
import { createEc2Front } from './ec2-front.ts';
import { createPricingFront } from './pricing-front.ts';
import { createServiceQuotasFront } from './service-quotas-front.ts';
import { createSqsFront } from './sqs-front.ts';

/** The emulated AWS: EC2, the price list, Service Quotas and SQS, each spoken to by its official SDK client. */
export function createFronts(world: World): readonly Front[] {
  return [createEc2Front(world), createPricingFront(world), createServiceQuotasFront(world), createSqsFront(world)];
}
