/**
 * Money is an integer number of micro-US-dollars: no float ever holds money.
 * 2^53 micro-dollars are nine billion dollars, so a safe integer is enough.
 */
export type MicroUsd = number;
/** A rate: micro-US-dollars per hour. */
export type MicroUsdPerHour = number;

export const MICRO_USD_PER_USD = 1_000_000;

/** Throws RangeError unless `value` is a safe integer. `what` names the value in the message. */
export function assertMicroUsd(value: number, what: string): MicroUsd {
  if (!Number.isSafeInteger(value))
    throw new RangeError(`${what} must be a whole number of micro-dollars, not ${value}`);
  return value;
}

const DECIMAL_USD = /^(-?)(\d+)(?:\.(\d+))?$/;

/**
 * Reads a decimal number of dollars ("98.32", 0.7068) without passing through binary fractions of a cent.
 * Digits past the sixth decimal are rounded half away from zero. Throws RangeError for anything else.
 */
export function parseUsd(text: string | number): MicroUsd {
  const decimal = typeof text === 'number' ? plainDecimal(text) : text.trim();
  const match = DECIMAL_USD.exec(decimal);
  if (match === null)
    throw new RangeError(`"${text}" is not an amount in US dollars; write a decimal number such as 12.50`);
  const [, sign, whole = '0', fraction = ''] = match;
  const kept = fraction.slice(0, 6).padEnd(6, '0');
  const roundUp = Number(fraction[6] ?? '0') >= 5 ? 1 : 0;
  const magnitude = Number(whole) * MICRO_USD_PER_USD + Number(kept) + roundUp;
  return assertMicroUsd(sign === '-' && magnitude !== 0 ? -magnitude : magnitude, `the amount ${text}`);
}

function plainDecimal(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const text = String(value);
  // Below a millionth JavaScript prints an exponent. Only which side of half a micro-dollar it lies on matters, and that is exact.
  if (text.includes('e-')) return `${value < 0 ? '-' : ''}${Math.abs(value) < 5e-7 ? '0' : '0.000001'}`;
  return text;
}

/** The decimal dollars of an amount, trailing zeros cut to no fewer than two decimals: 706832 → "0.706832", 98320000 → "98.32". */
export function formatUsd(amount: MicroUsd): string {
  assertMicroUsd(amount, 'an amount to print');
  const magnitude = Math.abs(amount);
  const whole = Math.floor(magnitude / MICRO_USD_PER_USD);
  const fraction = String(magnitude % MICRO_USD_PER_USD)
    .padStart(6, '0')
    .replace(/0{1,4}$/, '');
  return `${amount < 0 ? '-' : ''}${whole}.${fraction}`;
}

/** `amount × factor`, rounded half up to a whole micro-dollar. Throws RangeError where the product is no safe integer. */
export function scaleMoney(amount: MicroUsd, factor: number): MicroUsd {
  // `+ 0` turns the −0 that rounding a small loss gives into 0.
  return assertMicroUsd(Math.round(amount * factor) + 0, 'a scaled amount');
}

/** Throws RangeError as soon as an amount, or the sum so far, is no safe integer. */
export function sumMoney(amounts: Iterable<MicroUsd>): MicroUsd {
  let total = 0;
  for (const amount of amounts) {
    total = assertMicroUsd(total + assertMicroUsd(amount, 'an amount of money'), 'a sum of money');
  }
  return total;
}
