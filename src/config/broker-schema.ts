import * as z from 'zod';
import { KNOWN_PROVIDERS } from '../providers/registry.ts';
import { distinctList, header, wholeNumber } from './fields.ts';
import { field } from './schema-issues.ts';

const hostName = field(z.string().regex(/^[A-Za-z0-9.:[\]-]{1,253}$/), 'a host name or address');

/** Regions of a provider that are read at once. */
export const DEFAULT_CONCURRENCY = 4;

const providerSettings = z.strictObject({
  regions: field(
    z.union([z.literal('all'), distinctList(z.string().regex(/^[a-z0-9-]{1,40}$/))]),
    'all, or a list of region names of that cloud',
  ).default('all'),
  endpoints: z
    .record(z.string(), field(z.url({ protocol: /^https?$/ }), 'an http or https URL'))
    .default({})
    .describe('Base URLs by service, instead of the cloud’s own'),
  certificateAuthorityFile: field(z.string().min(1), 'a path of a PEM file').nullable().default(null),
  credentials: z
    .enum(['default', 'emulated'])
    .optional()
    .describe('default: the SDK’s own chain (environment, files, instance identity)'),
  concurrency: wholeNumber(1, 64)
    .default(DEFAULT_CONCURRENCY)
    .describe('Regions read at once: a bound on bursts against the account’s request limits'),
  options: z.record(z.string(), z.unknown()).default({}).describe('Settings of the adapter, which checks them itself'),
});

const settings = providerSettings.optional();

/** `config/broker.yaml`. Every default stands here, and only here. */
export const brokerSchema = z
  .strictObject({
    ...header('Broker'),
    spec: z
      .strictObject({
        owner: field(
          z.string().regex(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/),
          'up to 40 lower-case letters, digits and dashes',
          'Written on everything the broker launches; two brokers in one account need two names',
        ).default('gpu-broker'),
        listen: z
          .strictObject({
            host: hostName.default('127.0.0.1'),
            port: wholeNumber(0, 65_535).default(8080).describe('0 lets the system choose'),
            allowedHosts: z
              .array(hostName)
              .default([])
              .describe('Host names, besides the loopback’s, that requests may name'),
          })
          .prefault({}),
        store: z
          .strictObject({
            dataDirectory: field(z.string().min(1), 'a path of a directory').optional(),
            url: field(
              z.url({ protocol: /^postgres(ql)?$/ }),
              'a URL such as postgres://broker@db.example/broker',
            ).optional(),
          })
          .prefault({}),
        clouds: z.enum(['emulated', 'real']).default('emulated'),
        providers: z
          .strictObject(Object.fromEntries(KNOWN_PROVIDERS.map((id) => [id, settings])))
          .optional()
          .describe('The clouds to use; all of them when emulated and not given'),
        intervals: z
          .strictObject({
            offersSeconds: wholeNumber(1, 86_400).default(300),
            quotasSeconds: wholeNumber(1, 86_400).default(300),
            reconcileSeconds: wholeNumber(1, 3600).default(5),
            sweepSeconds: wholeNumber(1, 86_400).default(300),
            interruptionsSeconds: wholeNumber(1, 60)
              .default(1)
              .describe('Between two looks for notices that a cloud takes a machine back'),
            rebalanceSeconds: wholeNumber(10, 86_400)
              .default(900)
              .describe('Between two looks for moves of running machines that would pay'),
          })
          .prefault({}),
        launch: z
          .strictObject({
            attemptTimeoutSeconds: wholeNumber(10, 7200)
              .default(600)
              .describe('A launch that is not running after this is given up and placed elsewhere'),
            visibilitySeconds: wholeNumber(1, 3600)
              .default(60)
              .describe('How long a cloud may deny a machine that it has accepted'),
            callbackUrl: field(z.url({ protocol: /^https?$/ }), 'an https URL such as https://broker.example')
              .nullable()
              .default(null)
              .describe('Base URL of this broker as its machines reach it, for the notices that only they hear'),
          })
          .prefault({}),
        sweep: z
          .strictObject({
            orphanGraceSeconds: wholeNumber(1, 86_400)
              .default(600)
              .describe('A machine that no lease accounts for is left alone until it is this old'),
            removeOrphans: z
              .boolean()
              .default(false)
              .describe('Whether machines of unknown origin with our owner tag are removed, or only reported'),
          })
          .prefault({}),
      })
      .prefault({}),
  })
  .meta({ id: 'BrokerDocument', title: 'gpu-broker service' });

export type BrokerDocument = z.output<typeof brokerSchema>;
