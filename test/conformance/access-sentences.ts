import { expect } from 'vitest';
import type { AccessCheck } from '../../src/providers/provider.ts';
import type { SentenceList } from './sentence.ts';
import { addFault, call, everythingLeft, livingMachines, patternOf, type Subject } from './subject.ts';

async function check(subject: Subject): Promise<readonly AccessCheck[]> {
  const checks = await subject.provider.checkAccess(call());
  expect(new Set(checks.map(({ permission }) => permission)).size).toBe(checks.length);
  return checks;
}

export const accessSentences: SentenceList = [
  {
    title: 'checkAccess tries every permission and starts nothing',
    async check(subject) {
      const checks = await check(subject);
      expect(checks.filter(({ required }) => required).length).toBeGreaterThan(0);
      expect(checks.filter(({ outcome }) => outcome !== 'allowed')).toEqual([]);
      for (const { neededFor } of checks) expect(neededFor).toMatch(/\S/);
      expect(livingMachines(subject)).toEqual([]);
      expect(everythingLeft(subject)).toEqual([]);
    },
  },
  {
    title: 'checkAccess names exactly the permissions that are missing, in the cloud’s words',
    async check(subject) {
      const { control } = subject.clouds;
      for (const { permission } of await check(subject)) {
        control.setDenied(subject.facts.cloud, [permission]);
        const checks = await check(subject);
        const missing = checks.filter(({ outcome }) => outcome === 'missing');
        expect(missing.map((entry) => entry.permission)).toEqual([permission]);
        expect(missing[0]?.message ?? '', permission).toMatch(/\S/);
        expect(checks.filter(({ outcome }) => outcome === 'unknown')).toEqual([]);
      }
      control.setDenied(subject.facts.cloud, []);
      expect(livingMachines(subject)).toEqual([]);
    },
  },
  {
    title: 'checkAccess of a cloud that does not answer is unknown, never missing',
    async check(subject) {
      addFault(subject, 'unavailable', {});
      const checks = await check(subject);
      expect(checks.length).toBeGreaterThan(0);
      for (const { outcome, message } of checks) {
        expect(outcome).toBe('unknown');
        expect(message ?? '').toMatch(/\S/);
      }
    },
  },
  {
    title: 'advice, where the cloud gives any, is about the pools asked and tells plenty from want',
    async check(subject) {
      const { provider, facts, clouds } = subject;
      if (provider.adviseCapacity === undefined) return;
      const [plenty, want] = [subject.aSpotPool(facts.regions[0]), subject.aSpotPool(facts.regions[1])];
      clouds.control.setFree(patternOf(facts.cloud, plenty), 500);
      clouds.control.setFree(patternOf(facts.cloud, want), 0);
      const query = { pools: [plenty, want].map((pool) => ({ pool, count: 1 })) };
      const advice = await provider.adviseCapacity(query, call());
      const [better, worse] = [plenty, want].map(
        ({ region }) => advice.find(({ pool }) => pool.region === region)?.obtainability ?? null,
      );
      for (const { pool, obtainability, interruptionsPerHour, words } of advice) {
        expect([plenty, want]).toContainEqual(pool);
        expect(words).toMatch(/\S/);
        if (obtainability !== null) expect(obtainability >= 0 && obtainability <= 1).toBe(true);
        expect(interruptionsPerHour ?? 0).toBeGreaterThanOrEqual(0);
      }
      if (better !== null && worse !== null && better !== undefined && worse !== undefined)
        expect(better).toBeGreaterThan(worse);
      expect(advice.length).toBeGreaterThan(0);
    },
  },
];
