import type { MicroUsdPerHour } from '../domain/money.ts';
import { formatUsd } from '../domain/money.ts';
import type { EpochMs } from '../domain/time.ts';

/** `0.6123` → `61.2 %`, `0.6` → `60 %`. */
export function shareText(share: number): string {
  return `${String(Math.round(share * 1000) / 10)} %`;
}

/** `1230000` → `1.23 $/h`. */
export function rateText(rate: MicroUsdPerHour): string {
  return `${formatUsd(rate)} $/h`;
}

export function countText(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

const MS_PER_DAY = 86_400_000;

/**
 * RFC 3339 in UTC with whole seconds. Written out because planning has no clock and so no `Date`;
 * the calendar is Howard Hinnant's `civil_from_days` (public domain algorithm).
 */
export function instantText(at: EpochMs): string {
  const days = Math.floor(at / MS_PER_DAY);
  const seconds = Math.floor((at - days * MS_PER_DAY) / 1000);
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const date = [digits(year, 4), digits(month, 2), digits(day, 2)].join('-');
  const time = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${date}T${time.map((part) => digits(part, 2)).join(':')}Z`;
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, '0');
}
