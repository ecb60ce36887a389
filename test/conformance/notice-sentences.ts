import { expect } from 'vitest';
import type { InterruptionNotice, InterruptionPage, Provider } from '../../src/providers/provider.ts';
import type { SentenceList } from './sentence.ts';
import { addFault, call, LONG_MS, launchRequest, livingMachines, type Subject } from './subject.ts';

/** One poll; the provider must have one. */
async function poll(provider: Provider, cursor: string | null): Promise<InterruptionPage> {
  if (provider.pollInterruptions === undefined) throw new Error('this provider cannot be polled');
  return provider.pollInterruptions(cursor, call());
}

/** Polls until nothing new comes, acknowledging every page. */
async function drain(
  provider: Provider,
  cursor: string | null,
): Promise<{ readonly notices: readonly InterruptionNotice[]; readonly cursor: string | null }> {
  const notices: InterruptionNotice[] = [];
  let at = cursor;
  for (let page = 0; page < 10; page += 1) {
    const answer = await poll(provider, at);
    expect(answer.error).toBeNull();
    at = answer.cursor;
    notices.push(...answer.notices);
    if (answer.notices.length === 0 && page > 0) break;
  }
  return { notices, cursor: at };
}

/** A running spot machine, its id, and a cursor that stands behind everything so far. */
async function watched(subject: Subject): Promise<{ readonly instanceId: string; readonly cursor: string | null }> {
  const start = await drain(subject.provider, null);
  const { instances } = await subject.provider.launch(launchRequest(subject.aSpotPool()), call());
  await subject.clock.advance(LONG_MS);
  const { cursor } = await drain(subject.provider, start.cursor);
  return { instanceId: instances[0]?.ref.instanceId ?? '', cursor };
}

function interruptAll(subject: Subject): void {
  for (const { serial } of livingMachines(subject)) subject.clouds.control.interrupt(serial);
}

function isRelay(subject: Subject): boolean {
  return subject.provider.pollInterruptions === undefined && subject.provider.noticeRelay !== undefined;
}

export const noticeSentences: SentenceList = [
  {
    title: 'the loss of a spot machine is told by polling, or by a script that its machine runs',
    async check(subject) {
      if (isRelay(subject)) {
        const script = subject.provider.noticeRelay?.script ?? '';
        expect(script).toMatch(/^#!\/bin\/sh\n/);
        for (const name of ['GPU_BROKER_CALLBACK_URL', 'GPU_BROKER_CALLBACK_TOKEN', 'GPU_BROKER_METADATA_URL'])
          expect(script).toContain(name);
        return;
      }
      const { instanceId, cursor } = await watched(subject);
      interruptAll(subject);
      const { notices } = await drain(subject.provider, cursor);
      await subject.clock.advance(LONG_MS);
      const all = [...notices, ...(await drain(subject.provider, cursor)).notices];
      const told = all.filter((notice) => notice.instanceId === instanceId);
      expect(told.map(({ kind }) => kind)).toContain(subject.facts.noticeKind ?? 'notice');
      const noticeMs = (subject.provider.capabilities.spotNoticeSeconds ?? 0) * 1000;
      for (const notice of told) {
        expect(notice.region).toBe(subject.facts.regions[0]);
        if (notice.kind === 'notice') expect(notice.deadlineAt ?? 0).toBeLessThanOrEqual(notice.at + noticeMs + 1000);
      }
    },
  },
  {
    title: 'a notice comes again until its page was acknowledged, and then no more',
    async check(subject) {
      if (isRelay(subject)) return;
      const { instanceId, cursor } = await watched(subject);
      interruptAll(subject);
      await subject.clock.advance(LONG_MS);
      // Later news of the same machine would prove nothing: the very same notice must come.
      const told = ({ notices }: { readonly notices: readonly InterruptionNotice[] }): readonly string[] =>
        notices.filter((notice) => notice.instanceId === instanceId).map(({ kind, at }) => `${kind} ${at}`);
      const first = told(await poll(subject.provider, cursor));
      expect(first.length).toBeGreaterThan(0);
      // The broker died before it stored them: a fresh adapter asks from the old cursor.
      await subject.clock.advance(10 * 60_000);
      const restarted = await subject.createAnother();
      const again = await drain(restarted, cursor);
      expect(told(again)).toEqual(expect.arrayContaining([...first]));
      await subject.clock.advance(10 * 60_000);
      expect(told(await drain(restarted, again.cursor))).toEqual([]);
    },
  },
  {
    title: 'a poll that fails says so, moves on past nothing, and loses nothing',
    async check(subject) {
      if (isRelay(subject)) return;
      const { instanceId, cursor } = await watched(subject);
      interruptAll(subject);
      await subject.clock.advance(LONG_MS);
      addFault(subject, 'unavailable', {});
      const failed = await poll(subject.provider, cursor);
      expect(failed.notices).toEqual([]);
      expect(failed.error).toMatchObject({ name: 'ProviderError', kind: 'unavailable' });
      subject.clouds.control.removeFault('fault-unavailable');
      await subject.clock.advance(10 * 60_000);
      const { notices } = await drain(subject.provider, failed.cursor);
      expect(notices.map((notice) => notice.instanceId)).toContain(instanceId);
    },
  },
];
