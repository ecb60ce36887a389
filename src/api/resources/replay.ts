import * as z from 'zod';
import type { PlanRecord, Replay } from '../../domain/plan-analysis.ts';
import { timeJson, timeSchema } from './common.ts';

const version = z.string().meta({ example: 'gpu-broker 0.2.0, highs 1.15.3, meaning 2' });
const recordedVersion = version.nullable().meta({ description: 'Null for plans stored before versions were kept' });
const seed = z.int().meta({ description: 'Of the solver' });
const jsonText = z.string().nullable().meta({ description: 'JSON text, shortened; null where there is nothing' });

export const replaySchema = z
  .strictObject({
    planId: z.string(),
    isEqual: z.boolean().meta({ description: 'The same bytes, written with sorted keys' }),
    recordedVersion,
    plannerVersion: version.meta({ description: 'What made it again' }),
    seed,
    differenceCount: z.int(),
    differences: z
      .array(
        z.strictObject({
          pointer: z.string().meta({ description: 'JSON pointer into the plan', example: '/machines/0/pool/region' }),
          recorded: jsonText,
          replayed: jsonText,
        }),
      )
      .meta({ description: 'The first of them' }),
  })
  .meta({ id: 'Replay' });
export type ReplayJson = z.infer<typeof replaySchema>;

export function replayJson(replay: Replay): ReplayJson {
  return { ...replay, differences: replay.differences.map((difference) => ({ ...difference })) };
}

const asStored = 'As the planner has it: amounts in micro-dollars, times in epoch milliseconds';

/** What `gpu-broker replay --file` takes. Input and plan are the planner's own, so that nothing is lost on the way. */
export const planRecordSchema = z
  .strictObject({
    planId: z.string(),
    createdAt: timeSchema,
    plannerVersion: recordedVersion,
    seed,
    input: z.record(z.string(), z.unknown()).meta({ description: asStored }),
    plan: z.record(z.string(), z.unknown()).meta({ description: asStored }),
  })
  .meta({ id: 'PlanRecord' });
export type PlanRecordJson = z.infer<typeof planRecordSchema>;

export function planRecordJson(record: PlanRecord): PlanRecordJson {
  return { ...record, createdAt: timeJson(record.createdAt), input: { ...record.input }, plan: { ...record.plan } };
}
