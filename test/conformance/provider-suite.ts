import { afterAll, describe, expect, it } from 'vitest';
import { accessSentences } from './access-sentences.ts';
import { errorSentences } from './error-sentences.ts';
import { instanceSentences } from './instance-sentences.ts';
import { launchSentences } from './launch-sentences.ts';
import { leftoverSentences } from './leftover-sentences.ts';
import { listingSentences } from './listing-sentences.ts';
import { noticeSentences } from './notice-sentences.ts';
import { refusalSentences } from './refusal-sentences.ts';
import { reservedSentences } from './reserved-sentences.ts';
import { type SentenceList, titlesOf } from './sentence.ts';
import { stepSentences } from './step-sentences.ts';
import { stormSentences } from './storm-sentences.ts';
import { createSubject, type SubjectFacts } from './subject.ts';

/** A sentence of the contract that an adapter need not keep, and why. Printed and counted; one that names no sentence fails. */
export interface Exemption {
  readonly title: string;
  readonly reason: string;
}

const SENTENCES: Readonly<Record<string, SentenceList>> = {
  listing: listingSentences,
  launching: launchSentences,
  refusals: refusalSentences,
  errors: errorSentences,
  machines: instanceSentences,
  leftovers: leftoverSentences,
  reservations: reservedSentences,
  notices: noticeSentences,
  'access and advice': accessSentences,
  storms: stormSentences,
  steps: stepSentences,
};

/** Holds an adapter to every sentence of `src/providers/provider.ts`, each against emulated clouds of its own. */
export function describeProvider(facts: SubjectFacts, exemptions: readonly Exemption[]): void {
  describe(`${facts.cloud} keeps the provider contract`, () => {
    for (const [group, sentences] of Object.entries(SENTENCES)) {
      describe(group, () => {
        for (const { title, check } of sentences) {
          const exemption = exemptions.find((candidate) => candidate.title === title);
          if (exemption !== undefined) {
            it.skip(`${title} — exempt: ${exemption.reason}`);
            continue;
          }
          it(title, async () => {
            const subject = await createSubject(facts);
            try {
              await check(subject);
            } finally {
              await subject.close();
            }
          });
        }
      });
    }

    it('every exemption names a sentence of the contract, once, with a reason', () => {
      const titles = titlesOf(Object.values(SENTENCES));
      expect(exemptions.filter(({ title, reason }) => !titles.includes(title) || reason.length < 10)).toEqual([]);
      expect(new Set(exemptions.map(({ title }) => title)).size).toBe(exemptions.length);
    });

    afterAll(() => {
      const total = titlesOf(Object.values(SENTENCES)).length;
      const lines = exemptions.map(({ title, reason }) => `  - ${title}: ${reason}\n`);
      process.stdout.write(
        `provider contract, ${facts.cloud}: ${exemptions.length} of ${total} exempt\n${lines.join('')}`,
      );
    });
  });
}
