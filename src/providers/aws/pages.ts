/** Reading a listing to its end. */
import type { Call } from '../provider.ts';
import type { Attempted } from './errors.ts';
import { ask } from './errors.ts';

interface Page {
  readonly NextToken?: string | undefined;
}

/** Every page of a listing. `send` adds `more` to its input: the token of the page wanted, nothing for the first. */
export async function* pagesOf<Answer extends Page>(
  attempted: Attempted,
  call: Call,
  send: (more: { NextToken?: string }, options: { readonly abortSignal: AbortSignal }) => Promise<Answer>,
): AsyncGenerator<Answer> {
  let token: string | undefined;
  do {
    const more = token === undefined ? {} : { NextToken: token };
    const page = await ask(attempted, call, (options) => send(more, options));
    yield page;
    // Some listings end with an empty token instead of none.
    token = page.NextToken === '' ? undefined : page.NextToken;
  } while (token !== undefined);
}
