import * as z from 'zod';
import {
  acceleratorMistake,
  dataHome,
  distinctList,
  header,
  market,
  name,
  numberFrom,
  positiveUsdPerHour,
  providerId,
  regionPattern,
  share,
  wholeNumber,
} from './fields.ts';
import { field } from './schema-issues.ts';

/** `H100:8`: spelling and count; without a count, one. */
export const ACCELERATOR_TEXT = /^([^:]+?)(?::([1-9]\d{0,3}))?$/;

const acceleratorText = field(
  z.string().superRefine((text, context) => {
    const match = ACCELERATOR_TEXT.exec(text);
    const mistake =
      match === null
        ? `${JSON.stringify(text.slice(0, 60))} does not have the right form; allowed: accelerator:count, such as H100:8`
        : acceleratorMistake(match[1] ?? '');
    if (mistake !== null) context.addIssue({ code: 'custom', message: mistake });
  }),
  'accelerator:count, such as H100:8',
);

const acceleratorName = field(
  z.string().superRefine((text, context) => {
    const mistake = acceleratorMistake(text);
    if (mistake !== null) context.addIssue({ code: 'custom', message: mistake });
  }),
  'an accelerator, such as H100 or A100-80GB',
);

const accelerator = z.union([
  acceleratorText,
  z.strictObject({
    accelerator: acceleratorName,
    count: wholeNumber(1, 9999),
    perMachine: wholeNumber(1, 64)
      .nullable()
      .default(null)
      .describe('Accelerators that each machine must have; null: any machine that fits'),
    throughput: field(z.number().gt(0).max(1000), 'a number above 0: work per hour relative to the others').default(1),
  }),
]);

const container = z.strictObject({
  image: field(
    z.string().regex(/^[A-Za-z0-9][\w.\-/:@]{0,500}$/),
    'an image reference such as registry.example/team/image:tag',
  ),
  command: z.array(z.string().max(10_000)).max(100).default([]),
  env: z
    .record(field(z.string().regex(/^[A-Za-z_]\w{0,200}$/), 'letters, digits and underscores'), z.string().max(10_000))
    .default({}),
});

/** A workload, in a file or in a request. Every default stands here, and only here. */
export const workloadSchema = z
  .strictObject({
    ...header('Workload'),
    metadata: z.strictObject({ name, team: name }),
    spec: z.strictObject({
      replicas: wholeNumber(1, 10_000).default(1),
      accelerators: field(
        z.array(accelerator).min(1).max(20),
        'a list of alternatives such as H100:8',
        'What one replica needs: alternatives, any of which will do',
      ),
      markets: distinctList(market).default(['on-demand']),
      regions: z
        .strictObject({ allow: distinctList(regionPattern) })
        .nullable()
        .default(null),
      providers: distinctList(providerId).nullable().default(null),
      maxPrice: positiveUsdPerHour.nullable().default(null).describe('The most one replica may cost'),
      keepShare: share
        .nullable()
        .default(null)
        .describe('Share of the replicas that outlives the loss of any one provider'),
      data: z
        .strictObject({
          home: dataHome,
          gbPerHour: numberFrom(0, 1_000_000).describe('Gigabytes that each machine reads for an hour of work'),
        })
        .nullable()
        .default(null)
        .describe('Data that is read from elsewhere at the price of egress'),
      protected: field(z.boolean(), 'true or false', 'Never moved by a rebalance').default(false),
      architecture: z.enum(['x86_64', 'arm64']).default('x86_64'),
      priority: numberFrom(-1000, 1000).default(0).describe('Higher is placed first when not all fit'),
      container: container.nullable().default(null),
      userData: field(z.string().min(1).max(16_384), 'cloud-init user data of at most 16 KiB').nullable().default(null),
    }),
  })
  .meta({ id: 'WorkloadDocument', title: 'gpu-broker workload' });

export type WorkloadDocument = z.output<typeof workloadSchema>;
