import type { Call, QuotaQuery, QuotaSnapshot } from '../provider.ts';
import { PROVIDER_ID, QUOTA_NAME } from './names.ts';
import { ofEachRegion } from './regions.ts';
import type { Read } from './shared-read.ts';
import type { WireInstance } from './wire.ts';

const ENDED = ['terminated', 'preempted'];

/** An account may run so many instances; how many, the API does not tell, and the use of it is what the account runs. */
export function listQuotas(
  instancesOf: (call: Call) => Promise<Read<readonly WireInstance[]>>,
  { regions }: QuotaQuery,
  call: Call,
): Promise<QuotaSnapshot> {
  return ofEachRegion(
    regions,
    call,
    async () => {
      const { value: instances } = await instancesOf(call);
      const usage = instances.filter(({ status }) => !ENDED.includes(status)).length;
      const quota = { provider: PROVIDER_ID, region: null, name: QUOTA_NAME, limit: null, usage } as const;
      return { quotas: [{ ...quota, unit: 'machines' as const }] };
    },
    { quotas: [] },
  );
}
