/** A number of an option. Throws RangeError that names it. */
export function wholeNumber(name: string, given: string): number {
  const value = Number(given);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new RangeError(`--${name} must be a whole number of 1 or more, not ${given}`);
}
