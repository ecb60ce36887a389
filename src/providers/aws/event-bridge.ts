/** EventBridge's events about EC2 machines in the contract's words (EC2 user guide and AWS Health user guide, 2026). */
import { z } from 'zod';
import type { InterruptionNotice } from '../provider.ts';

export type Told = InterruptionNotice;

/** From the warning of a spot machine to its end. */
const SPOT_NOTICE_MS = 120_000;
/** States in which a machine is lost to its workload. */
const LOST: ReadonlySet<string> = new Set(['stopped', 'terminated']);

const Envelope = z.object({
  'detail-type': z.string(),
  time: z.string(),
  region: z.string().optional(),
  detail: z.record(z.string(), z.unknown()),
});
const OfInstance = z.object({ 'instance-id': z.string().min(1) });
const HealthDetail = z.object({
  service: z.literal('EC2'),
  eventTypeCategory: z.string(),
  eventTypeCode: z.string(),
  startTime: z.string().optional(),
  affectedEntities: z.array(z.object({ entityValue: z.string() })).optional(),
});

/** What the event says, empty where it does not concern us; null for what is no event at all. */
export function readEvent(body: string, queueRegion: string): readonly Told[] | null {
  const envelope = Envelope.safeParse(parsed(body));
  if (!envelope.success) return null;
  const { 'detail-type': type, time, region = queueRegion, detail } = envelope.data;
  const at = Date.parse(time);
  if (Number.isNaN(at)) return null;
  const common = { region, at, message: type };
  switch (type) {
    case 'EC2 Spot Instance Interruption Warning':
      return ofInstance(detail, (instanceId) => ({
        ...common,
        kind: 'notice',
        instanceId,
        deadlineAt: at + SPOT_NOTICE_MS,
      }));
    case 'EC2 Instance Rebalance Recommendation':
      return ofInstance(detail, (instanceId) => ({ ...common, kind: 'risk', instanceId, deadlineAt: null }));
    case 'EC2 Instance State-change Notification': {
      const state = String(detail['state']);
      if (!LOST.has(state)) return [];
      return ofInstance(detail, (instanceId) => ({
        ...common,
        kind: 'taken',
        instanceId,
        deadlineAt: null,
        message: `${type}: ${state}`,
      }));
    }
    case 'AWS Health Event':
      return maintenance(detail, common);
    default:
      return [];
  }
}

function ofInstance(
  detail: Readonly<Record<string, unknown>>,
  tell: (instanceId: string) => Told,
): readonly Told[] | null {
  const read = OfInstance.safeParse(detail);
  return read.success ? [tell(read.data['instance-id'])] : null;
}

/** Scheduled changes of EC2: retirement, reboot, stop of named instances. Everything else of Health is not about machines of ours. */
function maintenance(
  detail: Readonly<Record<string, unknown>>,
  common: Pick<Told, 'region' | 'at' | 'message'>,
): readonly Told[] {
  const read = HealthDetail.safeParse(detail);
  if (!read.success || read.data.eventTypeCategory !== 'scheduledChange') return [];
  const { eventTypeCode, startTime, affectedEntities = [] } = read.data;
  const deadlineAt = Date.parse(startTime ?? '');
  return affectedEntities
    .filter(({ entityValue }) => entityValue.startsWith('i-'))
    .map(({ entityValue }) => ({
      ...common,
      kind: 'maintenance',
      instanceId: entityValue,
      deadlineAt: Number.isNaN(deadlineAt) ? null : deadlineAt,
      message: eventTypeCode,
    }));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
