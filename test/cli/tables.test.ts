import { describe, expect, it } from 'vitest';
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
    const use = { policy: 'default', subject: '', enforced: true, binding: false };
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
