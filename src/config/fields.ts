import * as z from 'zod';
import { ACCELERATORS, findAccelerator } from '../domain/accelerators.ts';
import { formatUsd, type MicroUsd, parseUsd } from '../domain/money.ts';
import { MARKETS } from '../domain/pool.ts';
import { globMatches } from '../domain/workload.ts';
import { KNOWN_PROVIDERS } from '../providers/registry.ts';
import { cronMistake } from './cron-shape.ts';
import { field } from './schema-issues.ts';
import { allowedWords, nearestOf } from './suggestion.ts';

export const API_VERSION = 'gpu-broker/v1';

export const share = field(z.number().min(0).max(1), 'a share from 0 to 1');

/** A cap of 0 would forbid everything, so it is no cap at all but a mistake. */
export const capShare = field(z.number().gt(0).max(1), 'a share above 0, up to 1');

const DECIMAL = /^\d{1,9}(\.\d{1,6})?$/;

/** Dollars as a number or as decimal text. Up to a billion, so that micro-dollars stay exact. */
export const usd = field(
  z.union([z.number().min(0).max(1_000_000_000), z.string().regex(DECIMAL)]),
  'an amount in US dollars such as 12.50',
);

export const usdPerHour = z.strictObject({ usdPerHour: usd });

/** A limit of 0 dollars lets nothing through. */
export const positiveUsdPerHour = z.strictObject({
  usdPerHour: field(
    usd.refine((amount) => parseUsd(amount) > 0, 'a limit of 0 dollars forbids everything; allowed: an amount above 0'),
    'an amount in US dollars above 0, such as 12.50',
  ),
});

export function microUsdOf(amount: z.output<typeof usd>): MicroUsd {
  return parseUsd(amount);
}

/** The exact decimal text of an amount, as {@link usd} reads it back. */
export function usdOf(amount: MicroUsd): string {
  return formatUsd(amount);
}

export const name = field(
  z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/),
  'up to 63 lower-case letters, digits and dashes, not starting or ending with a dash',
);

/** A team's name, or a pattern with `*`. */
export const teamPattern = field(
  z.string().regex(/^[a-z0-9*-]{1,63}$/),
  'a team name, or a pattern such as research-*',
);

export const providerId = z.enum(KNOWN_PROVIDERS);

export const market = z.enum(MARKETS);

export function distinctList<Item extends z.ZodType>(item: Item): z.ZodArray<Item> {
  return z
    .array(item)
    .min(1)
    .superRefine((items, context) => {
      for (const [index, entry] of items.entries()) {
        if (items.indexOf(entry) < index) {
          context.addIssue({ code: 'custom', path: [index], message: `${JSON.stringify(entry)} is listed twice` });
        }
      }
    });
}

/** The providers that a `provider:region` pattern can mean, out of those known. */
export function providersMeant(pattern: string): readonly string[] {
  if (/^\*+$/.test(pattern)) return KNOWN_PROVIDERS;
  const [provider = ''] = pattern.split(':');
  return KNOWN_PROVIDERS.filter((id) => globMatches(provider, id));
}

export const regionPattern = field(
  z.string().superRefine((pattern, context) => {
    const [provider = '', region, ...rest] = pattern.split(':');
    if (/^\*+$/.test(pattern)) return;
    if (region === undefined || region === '' || rest.length > 0 || !/^[a-z0-9*:-]+$/i.test(pattern)) {
      context.addIssue({
        code: 'custom',
        message: `"${pattern}" is not a region pattern; allowed: provider:region with *, such as aws:us-*`,
      });
    } else if (providersMeant(pattern).length === 0) {
      context.addIssue({
        code: 'custom',
        message: `"${provider}" is no known provider; ${allowedWords(provider, KNOWN_PROVIDERS)}`,
      });
    }
  }),
  'a pattern provider:region with *, such as aws:us-*',
);

/** Where data lies: a provider, or one of its regions; no pattern, since data lies in one place. */
export const dataHome = field(
  z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,30}(:[a-z0-9-]{1,60})?$/)
    .superRefine((home, context) => {
      const [provider = ''] = home.split(':');
      if (!/^[a-z0-9-]+$/.test(provider) || KNOWN_PROVIDERS.some((id) => id === provider)) return;
      context.addIssue({
        code: 'custom',
        message: `"${provider}" is no known provider; ${allowedWords(provider, KNOWN_PROVIDERS)}`,
      });
    }),
  'a provider, or provider:region without *, such as aws:us-east-1',
  'Where the data lies',
);

export const cron = field(
  z.string().superRefine((text, context) => {
    const mistake = cronMistake(text);
    if (mistake !== null) context.addIssue({ code: 'custom', message: mistake });
  }),
  'a cron expression of five fields, such as 0 */6 * * *',
);

export const timeZone = field(
  z.string().refine(isTimeZone, 'not a known time zone; allowed: an IANA name such as UTC or Europe/Berlin'),
  'an IANA time zone such as UTC or Europe/Berlin',
);

function isTimeZone(text: string): boolean {
  try {
    return text !== '' && new Intl.DateTimeFormat('en', { timeZone: text }) instanceof Intl.DateTimeFormat;
  } catch {
    return false;
  }
}

/** What is wrong with the spelling of an accelerator; null when it names exactly one. */
export function acceleratorMistake(spelling: string): string | null {
  const lookup = findAccelerator(spelling);
  if (lookup.found) return null;
  const quoted = JSON.stringify(spelling.slice(0, 60));
  if (lookup.ambiguous) return `${quoted} could be any of ${lookup.candidates.join(', ')}; write which one`;
  const nearest = nearestOf(
    spelling,
    ACCELERATORS.flatMap(({ name: canonical, aliases }) => [canonical, ...aliases]),
  );
  const suggestion = nearest === null ? '' : `; did you mean ${nearest}?`;
  return `${quoted} is no known accelerator; allowed: ${lookup.candidates.join(', ')}${suggestion}`;
}

export function header<Kind extends string>(kind: Kind) {
  return {
    apiVersion: z.literal(API_VERSION),
    kind: z.literal(kind),
  };
}

export function wholeNumber(min: number, max: number): z.ZodInt {
  return field(z.int().min(min).max(max), `a whole number from ${min} to ${max}`);
}

export function numberFrom(min: number, max: number): z.ZodNumber {
  return field(z.number().min(min).max(max), `a number from ${min} to ${max}`);
}
