import { describe, expect, it } from 'vitest';
import { renderPolicyExplanation } from '../../src/cli/tables/analysis.ts';
import { renderRules } from '../../src/cli/tables/rules.ts';
import { clean, dollarsOf, duration, percent, renderTable } from '../../src/cli/tables/table.ts';
import { createTerminal, PLAIN } from '../../src/cli/terminal.ts';

const ESCAPE = String.fromCharCode(27);

function styleOn(isTTY: boolean, environment: Record<string, string>): string {
  const output = { write: () => true, isTTY };
  return createTerminal(output, output, environment).style.bad('x');
}

describe('colours', () => {
  it('appear on a terminal only, and not against NO_COLOR', () => {
    expect(styleOn(true, {})).toBe(`${ESCAPE}[31mx${ESCAPE}[39m`);
    expect(styleOn(false, {})).toBe('x');
    expect(styleOn(true, { NO_COLOR: '1' })).toBe('x');
    expect(styleOn(true, { NO_COLOR: '' })).not.toBe('x');
    expect(styleOn(true, { TERM: 'dumb' })).toBe('x');
  });
});

describe('renderTable', () => {
  it('aligns, also around colours and wide characters', () => {
    const columns = [{ title: 'NAME' }, { title: 'N', align: 'right' }, { title: 'LAST' }] as const;
    const rows = [
      [`${ESCAPE}[31mred${ESCAPE}[39m`, '1', 'a'],
      ['longer', '100', 'b'],
      ['東京', '10', ''],
    ];
    expect(renderTable(columns, rows, PLAIN, 'none')).toBe(
      `NAME      N  LAST\n${ESCAPE}[31mred${ESCAPE}[39m       1  a\nlonger  100  b\n東京     10\n`,
    );
    expect(renderTable(columns, [], PLAIN, 'none')).toBe('none\n');
  });

  it('lets no text of others move the cursor', () => {
    expect(clean(`a${ESCAPE}[2Jb\nc\td\u0007${ESCAPE}[31me`)).toBe(`a [2Jb c d ${ESCAPE}[31me`);
  });
});

describe('figures', () => {
  it('are short, and keep small prices apart', () => {
    expect([0, 338_000, 999_999, 1_000_000, 98_320_000, -43_280_000].map(dollarsOf)).toEqual([
      '0.00',
      '0.3380',
      '1.0000',
      '1.00',
      '98.32',
      '-43.28',
    ]);
    expect(percent(0.5974)).toBe('59.7 %');
    expect([45, 720, 12_600].map(duration)).toEqual(['45 s', '12 min', '3.5 h']);
  });
});

describe('renderRules', () => {
  it('tells kept, binding, exceeded and reported rules apart, the tightest first', () => {
    const use = { subject: '', enforced: true, binding: false };
    const text = renderRules(
      [
        { ...use, rule: 'minProviders', value: 3, limit: 2 },
        { ...use, rule: 'maxSpotShare', value: 0.7, limit: 0.6, enforced: false },
        { ...use, rule: 'maxShare.region', subject: 'aws:us-east-1', value: 0.55, limit: 0.5 },
        { ...use, rule: 'maxConcentration', value: 0.5, limit: 0.5, binding: true },
      ],
      PLAIN,
    );
    expect(text).toBe(`RULE              OF                NOW   LIMIT
maxSpotShare                     70.0 %  60.0 %  exceeded; reported only
maxShare.region   aws:us-east-1  55.0 %  50.0 %  exceeded
maxConcentration                  0.500   0.500  at its limit
minProviders                          3       2  kept
`);
  });
});

describe('renderPolicyExplanation', () => {
  it('tells which rules are in each other’s way, and what giving up each would do', () => {
    const NO_PREMIUM = { premium: null, premiumShare: null, effectivePremium: null, effectivePremiumShare: null };
    const rate = (microUsdPerHour: number) => ({ microUsdPerHour, usdPerHour: String(microUsdPerHour / 1e6) });
    const figures = (cost: number, placedReplicas: number, heldReplicas: number) => ({
      ...{ cost: rate(cost), effectiveCost: rate(cost), effectiveBound: rate(cost) },
      ...{ placedReplicas, heldReplicas, status: 'optimal' as const },
    });
    const relaxation = { rule: 'maxShare.provider', gainedReplicas: 2, ...figures(24_000_000, 4, 0) };
    const text = renderPolicyExplanation(
      {
        ...{ policy: 'default', at: '2026-11-03T12:00:00.000Z', keepsLeases: true },
        ...{ withRules: figures(10_000_000, 2, 2), withoutRules: figures(20_000_000, 4, 0) },
        ...NO_PREMIUM,
        rules: [
          {
            ...{ rule: 'maxShare.provider', limit: 0.5, enforced: true, ...NO_PREMIUM },
            ...{ without: figures(24_000_000, 4, 0), binding: [{ subject: 'aws', value: 0.5 }] },
          },
          {
            ...{ rule: 'survive.provider', limit: 0.5, enforced: false, premium: rate(0), premiumShare: 0 },
            ...{ effectivePremium: rate(0), effectivePremiumShare: 0 },
            ...{ without: figures(10_000_000, 2, 2), binding: [] },
          },
        ],
        marginals: [{ rule: 'maxShare.provider', subject: 'aws', limit: 0.5, savedPerPoint: rate(120_000) }],
        conflict: { rules: ['maxShare.provider'], relaxations: [relaxation] },
      },
      PLAIN,
    );
    expect(text).toBe(`POLICY default  running machines stay where they are
with its rules   10.00 $/h  2 replicas placed, 2 held
without          20.00 $/h  4 replicas placed
premium            unknown  fewer replicas are placed: the two costs are of different fleets
an hour of work    unknown  effective cost 10.00 $/h over 20.00 $/h

RULE                LIMIT  COSTS $/H  SHARE  FOR WORK  SHARE  AT ITS LIMIT
maxShare.provider  50.0 %      holds      -         -      -  aws
survive.provider   50.0 %       0.00  0.0 %      0.00  0.0 %  not enforced

ONE POINT MORE OF  FOR   LIMIT  SAVES $/H OF WORK
maxShare.provider  aws  50.0 %             0.1200

CONFLICT  maxShare.provider by itself leaves replicas without a place
GIVING UP          PLACES  HELD    $/H
maxShare.provider      +2     0  24.00
`);
  });
});
