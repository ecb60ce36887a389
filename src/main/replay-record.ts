import type { PlanRecord, Replay } from '../domain/plan-analysis.ts';

/** Makes the plan of a record's JSON again, here and now. Throws an Error where its input is none that can be planned. */
export async function replayRecord(text: string): Promise<Replay> {
  const [{ planFleet }, { compareReplay }] = await Promise.all([
    import('../planning/plan-fleet.ts'),
    import('../planning/replay.ts'),
  ]);
  const record: PlanRecord = JSON.parse(text);
  return compareReplay(record, await planFleet(record.input, { effort: record.plan.effort }));
}
