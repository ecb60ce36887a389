import { describe, expect, it } from 'vitest';
import { instantText, rateText, shareText } from '../../src/planning/wording.ts';

describe('words', () => {
  it('write instants as the calendar does, leap years and years before 1970 included', () => {
    const instants = ['1969-12-31T23:59:59Z', '1970-01-01T00:00:00Z', '2000-02-29T12:30:45Z', '2024-12-31T23:59:59Z'];
    for (const instant of instants) expect(instantText(Date.parse(instant))).toBe(instant);
    for (let day = 0; day < 3000; day += 1) {
      const at = Date.parse('2020-01-01T07:08:09.500Z') + day * 86_400_000;
      expect(instantText(at)).toBe(`${new Date(at).toISOString().slice(0, 19)}Z`);
    }
  });

  it('write shares and rates as people do', () => {
    expect(shareText(0.6)).toBe('60 %');
    expect(shareText(2 / 3)).toBe('66.7 %');
    expect(rateText(1_230_000)).toBe('1.23 $/h');
  });
});
