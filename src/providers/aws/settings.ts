/** The adapter's own settings: `providers.aws.options` in `config/broker.yaml`. */
import { z } from 'zod';
import type { Architecture } from '../../domain/offer.ts';

/**
 * AWS's own image with NVIDIA's open driver on Ubuntu 22.04, resolved by EC2 itself at launch to the newest in the region (AWS
 * Deep Learning AMIs, public SSM parameters, 2026).
 */
function standardImage(architecture: Architecture): string {
  return `resolve:ssm:/aws/service/deeplearning/ami/${architecture}/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id`;
}

const ImageId = z
  .string()
  .regex(/^(ami-[0-9a-f]{8,17}|resolve:ssm:\S+)$/, 'must be an AMI id (ami-…) or resolve:ssm:<parameter>');
const Images = z.strictObject({ x86_64: ImageId.optional(), arm64: ImageId.optional() });

const Options = z.strictObject({
  /** AMI by region and architecture; `*` stands for every other region. Default: AWS's Deep Learning base image. */
  images: z.record(z.string(), Images).default({}),
  /** Subnet by zone name. Zones that are not named use the default VPC's subnet. */
  subnets: z.record(z.string(), z.string().regex(/^subnet-[0-9a-f]+$/, 'must be a subnet id (subnet-…)')).default({}),
  /** Security groups by region. Regions that are not named use the VPC's default group. */
  securityGroups: z
    .record(z.string(), z.array(z.string().regex(/^sg-[0-9a-f]+$/, 'must be a security group id (sg-…)')).min(1))
    .default({}),
  /** Name of an EC2 key pair that exists in every region used. */
  keyName: z.string().min(1).max(255).optional(),
  /** Name or ARN of the instance profile that machines get. */
  iamInstanceProfile: z.string().min(1).optional(),
  /** Size of the root disk; default: the image's own. */
  diskGiB: z.int().min(8).max(16_384).optional(),
  /** Machines to a page when listing them (EC2: 5 to 1,000). Smaller pages for accounts whose listings time out. */
  instancesPerPage: z.int().min(5).max(1000).default(1000),
  /** What the image calls its root disk; only used with `diskGiB`. */
  rootDeviceName: z.string().startsWith('/dev/').default('/dev/sda1'),
});

export type AwsOptions = z.infer<typeof Options>;

/** Throws RangeError that names each wrong field. */
export function readOptions(options: Readonly<Record<string, unknown>>): AwsOptions {
  const result = Options.safeParse(options);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    (issue) => `options${issue.path.map((part) => `.${String(part)}`).join('')}: ${issue.message}`,
  );
  throw new RangeError(`aws: ${problems.join('; ')}`);
}

export function imageFor(options: AwsOptions, region: string, architecture: Architecture): string {
  return options.images[region]?.[architecture] ?? options.images['*']?.[architecture] ?? standardImage(architecture);
}
