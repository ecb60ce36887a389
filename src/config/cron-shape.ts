const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Words that stand for the numbers from `min` on. */
  readonly words: readonly string[];
}

const FIELDS: readonly Field[] = [
  { name: 'minute', min: 0, max: 59, words: [] },
  { name: 'hour', min: 0, max: 23, words: [] },
  { name: 'day of month', min: 1, max: 31, words: [] },
  { name: 'month', min: 1, max: 12, words: MONTHS },
  { name: 'day of week', min: 0, max: 7, words: WEEKDAYS },
];

/** What is wrong with a five-field cron expression; null when nothing is. */
export function cronMistake(text: string): string | null {
  const parts = text.trim().split(/\s+/);
  if (parts.length !== FIELDS.length) {
    return `a cron expression has five fields (minute, hour, day of month, month, day of week), not ${parts.length}`;
  }
  for (const [index, field] of FIELDS.entries()) {
    const part = parts[index] ?? '';
    if (!part.split(',').every((entry) => isEntry(entry, field))) {
      return `"${part}" is not a cron ${field.name}; allowed: *, numbers from ${field.min} to ${field.max}, a-b, a,b, */n`;
    }
  }
  return null;
}

/** One entry of a list: `*`, `5`, `1-5`, each with an optional step `/2`. */
function isEntry(entry: string, field: Field): boolean {
  const [range = '', step, ...rest] = entry.split('/');
  if (rest.length > 0) return false;
  if (step !== undefined && !(/^\d{1,2}$/.test(step) && Number(step) >= 1)) return false;
  if (range === '*') return true;
  const [from = '', to, ...more] = range.split('-');
  if (more.length > 0) return false;
  const start = fieldValue(from, field);
  if (start === null) return false;
  if (to === undefined) return step === undefined;
  const end = fieldValue(to, field);
  return end !== null && start <= end;
}

function fieldValue(text: string, field: Field): number | null {
  const word = field.words.indexOf(text.toLowerCase());
  if (word >= 0) return word + field.min;
  if (!/^\d{1,2}$/.test(text)) return null;
  const value = Number(text);
  return value >= field.min && value <= field.max ? value : null;
}
