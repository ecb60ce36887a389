import { styleText } from 'node:util';

/** Where the CLI writes. The only module of the program that people's eyes depend on; everything else returns text. */
export interface Terminal {
  write(text: string): void;
  writeError(text: string): void;
  readonly style: Style;
}

/** How text stands out; without colours, not at all. */
export interface Style {
  strong(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  warning(text: string): string;
  bad(text: string): string;
}

export const PLAIN: Style = { strong: same, dim: same, good: same, warning: same, bad: same };

const COLOURED: Style = {
  strong: (text) => styleText('bold', text, { validateStream: false }),
  dim: (text) => styleText('dim', text, { validateStream: false }),
  good: (text) => styleText('green', text, { validateStream: false }),
  warning: (text) => styleText('yellow', text, { validateStream: false }),
  bad: (text) => styleText('red', text, { validateStream: false }),
};

function same(text: string): string {
  return text;
}

interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** A terminal over streams. Colours only on a TTY, and not where NO_COLOR asks for none. */
export function createTerminal(
  out: Output,
  errors: Output,
  environment: Readonly<Record<string, string | undefined>>,
): Terminal {
  const isColoured = out.isTTY === true && (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb';
  return {
    write: (text) => void out.write(text),
    writeError: (text) => void errors.write(text),
    style: isColoured ? COLOURED : PLAIN,
  };
}
