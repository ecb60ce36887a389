import { z } from 'zod';

/**
 * The parts of the API's answers that this adapter reads. The SDK fills what was absent with null, an empty string or an
 * empty list, so almost everything may be missing.
 */
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
const count = z.coerce
  .number()
  .nullish()
  .transform((value) => value ?? 0);
const labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});

function list<T extends z.ZodType>(item: T) {
  return z
    .array(item)
    .nullish()
    .transform((value) => value ?? []);
}

const warning = z.looseObject({ code: text, message: text }).nullish();

/** One page of an aggregated list: scopes (`zones/us-central1-a`) with resources or a warning. */
function aggregatedPage<T extends z.ZodRawShape>(scoped: T) {
  return z.looseObject({
    items: z.record(z.string(), z.looseObject({ ...scoped, warning })),
    nextPageToken: text,
    unreachables: list(z.string()),
    warning,
  });
}

export const machineTypesPage = aggregatedPage({
  machineTypes: list(
    z.looseObject({
      name: z.string(),
      guestCpus: count,
      memoryMb: count,
      architecture: text,
      accelerators: list(z.looseObject({ guestAcceleratorType: text, guestAcceleratorCount: count })),
      bundledLocalSsds: z.looseObject({ partitionCount: count }).nullish(),
    }),
  ),
});

export const acceleratorTypesPage = aggregatedPage({
  acceleratorTypes: list(z.looseObject({ name: z.string(), maximumCardsPerInstance: count })),
});

const quotas = list(z.looseObject({ metric: text, limit: z.number().nullish(), usage: z.number().nullish() }));

export const regionResource = z.looseObject({ name: z.string(), zones: list(z.string()), quotas });

export const projectResource = z.looseObject({ quotas });

export const instanceResource = z.looseObject({
  name: z.string(),
  status: text,
  statusMessage: text,
  zone: text,
  machineType: text,
  labels,
  creationTimestamp: text,
  guestAccelerators: list(z.looseObject({ acceleratorType: text, acceleratorCount: count })),
  scheduling: z.looseObject({ provisioningModel: text, preemptible: z.boolean().nullish() }).nullish(),
  reservationAffinity: z.looseObject({ consumeReservationType: text, values: list(z.string()) }).nullish(),
});
export type InstanceResource = z.infer<typeof instanceResource>;

export const instancesPage = aggregatedPage({ instances: list(instanceResource) });

const operationError = z.looseObject({
  code: text,
  message: text,
  errorDetails: list(
    z.looseObject({
      errorInfo: z.looseObject({ metadatas: labels }).nullish(),
      quotaInfo: z.looseObject({ dimensions: labels }).nullish(),
    }),
  ),
});
export type OperationError = z.infer<typeof operationError>;

export const operationResource = z.looseObject({
  name: z.string(),
  status: text,
  operationType: text,
  targetLink: text,
  clientOperationId: text,
  insertTime: text,
  endTime: text,
  statusMessage: text,
  httpErrorStatusCode: count,
  error: z.looseObject({ errors: list(operationError) }).nullish(),
});
export type OperationResource = z.infer<typeof operationResource>;

export const operationsPage = z.looseObject({ items: list(operationResource), nextPageToken: text });

export const aggregatedOperationsPage = aggregatedPage({ operations: list(operationResource) });

export const disksPage = aggregatedPage({
  disks: list(
    z.looseObject({ name: z.string(), zone: text, labels, users: list(z.string()), creationTimestamp: text }),
  ),
});

export const addressesPage = aggregatedPage({
  addresses: list(
    z.looseObject({
      ...{ name: z.string(), region: text, labels, status: text, users: list(z.string()), creationTimestamp: text },
    }),
  ),
});

export const reservationsPage = aggregatedPage({
  reservations: list(
    z.looseObject({
      ...{ name: z.string(), zone: text, status: text, specificReservationRequired: z.boolean().nullish() },
      specificReservation: z
        .looseObject({
          ...{ count, inUseCount: count },
          instanceProperties: z
            .looseObject({
              machineType: text,
              guestAccelerators: list(z.looseObject({ acceleratorType: text, acceleratorCount: count })),
            })
            .nullish(),
        })
        .nullish(),
    }),
  ),
});

export const capacityAdvice = z.looseObject({
  recommendations: list(
    z.looseObject({
      scores: z.looseObject({ obtainability: z.number().nullish(), estimatedUptime: text }).nullish(),
    }),
  ),
});

export const quotaInfosPage = z.looseObject({
  quotaInfos: list(
    z.looseObject({
      quotaId: text,
      dimensionsInfos: list(
        z.looseObject({
          dimensions: labels,
          details: z.looseObject({ value: z.coerce.number().nullish() }).nullish(),
        }),
      ),
    }),
  ),
  nextPageToken: text,
});

export type QuotaInfo = z.infer<typeof quotaInfosPage>['quotaInfos'][number];

export const grantedPermissions = z.looseObject({ permissions: list(z.string()) });

export const skusPage = z.looseObject({
  skus: list(
    z.looseObject({
      description: text,
      category: z.looseObject({ usageType: text }).nullish(),
      serviceRegions: list(z.string()),
      pricingInfo: list(
        z.looseObject({
          pricingExpression: z
            .looseObject({
              usageUnit: text,
              tieredRates: list(
                z.looseObject({
                  startUsageAmount: count,
                  unitPrice: z.looseObject({ currencyCode: text, units: count, nanos: count }).nullish(),
                }),
              ),
            })
            .nullish(),
        }),
      ),
    }),
  ),
  nextPageToken: text,
});
export type Sku = z.infer<typeof skusPage>['skus'][number];
