import Table from 'cli-table3';
import type { RateJson } from '../../api/resources/common.ts';
import type { Style } from '../terminal.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** A table without lines, as wide as its contents, each line ended; `nothing` where there are no rows. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  style: Style,
  nothing: string,
): string {
  if (rows.length === 0) return `${nothing}\n`;
  const table = new Table({
    head: columns.map(({ title }) => style.strong(title)),
    colAligns: columns.map(({ align = 'left' }) => align),
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) table.push(row.map(clean));
  const lines = table.toString().split('\n');
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

const ESCAPE = String.fromCharCode(27);

/** Text from clouds and teams must not move the cursor or start a line of its own. Colours may stay. */
export function clean(text: string): string {
  const [first = '', ...coloured] = text.replaceAll(/\s*\n\s*/g, ' ').split(ESCAPE);
  return (
    printable(first) + coloured.map((part) => (/^\[\d{1,2}m/.test(part) ? ESCAPE : ' ') + printable(part)).join('')
  );
}

function printable(text: string): string {
  return Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x20 || (code >= 0x7f && code < 0xa0) ? ' ' : character;
  }).join('');
}

/** Dollars an hour for people: cents, or four decimals below a dollar. The exact figure is in the JSON. */
export function dollars(rate: RateJson): string {
  return dollarsOf(rate.microUsdPerHour);
}

export function dollarsOf(microUsdPerHour: number): string {
  const usd = microUsdPerHour / 1_000_000;
  return Math.abs(usd) < 1 && usd !== 0 ? usd.toFixed(4) : usd.toFixed(2);
}

/** `59.7 %` */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** `2026-11-01 00:00:00` (UTC). */
export function moment(time: string): string {
  return time.slice(0, 19).replace('T', ' ');
}

/** `45 s`, `12 min`, `3.5 h`. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** Lines of `name  value  remark`, aligned. */
export function renderFacts(facts: readonly (readonly [string, string, string])[]): string {
  const nameWidth = Math.max(...facts.map(([name]) => name.length));
  const valueWidth = Math.max(...facts.map(([, value]) => value.length));
  return facts
    .map(([name, value, remark]) => `${name.padEnd(nameWidth)}  ${value.padStart(valueWidth)}  ${remark}`.trimEnd())
    .map((line) => `${line}\n`)
    .join('');
}
