/** The adapter's own settings: `providers.aws.options` in `config/broker.yaml`. */
import { z } from 'zod';
import type { AcceleratorName } from '../../domain/accelerators.ts';
import { ACCELERATORS } from '../../domain/accelerators.ts';
import type { Architecture } from '../../domain/offer.ts';

/**
 * AWS's own image with NVIDIA's driver on Ubuntu 22.04, resolved by EC2 itself at launch to the newest in the region (AWS Deep
 * Learning AMIs, public SSM parameters, 2026). NVIDIA's open driver knows no GPU older than Turing.
 */
export function standardImage(accelerator: AcceleratorName, architecture: Architecture): string {
  const driver = BEFORE_TURING.has(accelerator) ? 'base-proprietary' : 'base-oss';
  return `resolve:ssm:/aws/service/deeplearning/ami/${architecture}/${driver}-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id`;
}
const BEFORE_TURING: ReadonlySet<string> = new Set(['V100-16GB', 'V100-32GB', 'P100', 'P4', 'M60']);

const ImageId = z
  .string()
  .regex(/^(ami-[0-9a-f]{8,17}|resolve:ssm:\S+)$/, 'must be an AMI id (ami-…) or resolve:ssm:<parameter>');
const ImageKey = z.enum(['x86_64', 'arm64', ...ACCELERATORS.map(({ name }) => name)]);
const Images = z.partialRecord(ImageKey, ImageId);

const Options = z.strictObject({
  /**
   * AMI by region and accelerator (`H100-80GB-SXM`) or architecture; `*` stands for every other region. The accelerator's goes before
   * the architecture's, the region's before `*`. Default: AWS's Deep Learning base image.
   */
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
  /** SQS queue by region into which EventBridge puts EC2 and Health events (docs/providers/aws.md). Regions without one give no notices. */
  interruptionQueues: z
    .record(
      z.string(),
      z.url({
        protocol: /^https?$/,
        error: 'must be the URL of an SQS queue (https://sqs.<region>.amazonaws.com/<account>/<name>)',
      }),
    )
    .default({}),
  /** Only used with `diskGiB`. */
  diskType: z.enum(['gp3', 'gp2']).default('gp3'),
  /** Size of the root disk; default: the image's own. */
  diskGiB: z.int().min(8).max(16_384).optional(),
  /** Machines to a page when listing them (EC2: 5 to 1,000). Smaller pages for accounts whose listings time out. */
  instancesPerPage: z.int().min(5).max(1000).default(1000),
  /** What the image calls its root disk; only used with `diskGiB`. */
  rootDeviceName: z.string().startsWith('/dev/').default('/dev/sda1'),
});

export type AwsOptions = z.infer<typeof Options>;

/** Throws RangeError that names each wrong field and what is allowed. */
export function readOptions(options: Readonly<Record<string, unknown>>): AwsOptions {
  const result = Options.safeParse(options);
  if (result.success) return result.data;
  throw new RangeError(`aws: ${result.error.issues.map(problemOf).join('; ')}`);
}

function problemOf(issue: z.core.$ZodIssue): string {
  const field = `options${issue.path.map((part) => `.${String(part)}`).join('')}`;
  if (issue.code !== 'unrecognized_keys') return `${field}: ${issue.message}`;
  // The only names within are those of images.
  const allowed = issue.path.length === 0 ? Object.keys(Options.shape) : ImageKey.options;
  return `${field}: unknown: ${issue.keys.join(', ')}; allowed: ${allowed.join(', ')}`;
}

export function imageFor(
  options: AwsOptions,
  region: string,
  accelerator: AcceleratorName,
  architecture: Architecture,
): string {
  const ofRegion = options.images[region];
  const ofAll = options.images['*'];
  return (
    ofRegion?.[accelerator] ??
    ofRegion?.[architecture] ??
    ofAll?.[accelerator] ??
    ofAll?.[architecture] ??
    standardImage(accelerator, architecture)
  );
}
