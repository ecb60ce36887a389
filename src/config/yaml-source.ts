import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter } from 'yaml';
import { type ConfigError, type ConfigResult, compareConfigErrors } from './config-error.ts';
import { formatPath, type Issue } from './issue.ts';
import { readDocuments } from './yaml-syntax.ts';

/** Larger files are refused unread: a policy or workload of a person's making is a few KiB. */
export const MAX_FILE_BYTES = 1024 * 1024;

/** A workload that repeats a block by alias needs a few; a "billion laughs" bomb needs many. */
const MAX_ALIAS_COUNT = 100;

/** One YAML document: its plain value, and where each part of it was written. */
export interface YamlSource {
  readonly file: string;
  readonly value: unknown;
  /** Places issues in the file, in the order of the file. */
  locate(issues: readonly Issue[]): readonly ConfigError[];
}

/** Reads a file of one or more YAML 1.2 documents. Never throws: syntax errors, duplicate keys, bombs and oversize are results. */
export function parseYaml(file: string, text: string): ConfigResult<readonly YamlSource[]> {
  const refuse = (message: string): ConfigResult<never> => ({
    ok: false,
    errors: [{ file, line: 1, column: 1, path: '', message }],
  });
  if (Buffer.byteLength(text) > MAX_FILE_BYTES) return refuse('the file is larger than 1 MiB');
  const lines = new LineCounter();
  const { documents, mistakes } = readDocuments(text, lines);
  const errors: ConfigError[] = mistakes.map(({ offset, message }) => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col, path: '', message };
  });
  if (errors.length > 0) return { ok: false, errors: errors.toSorted(compareConfigErrors) };
  if (documents.length === 0) return refuse('the file is empty');
  const sources: YamlSource[] = [];
  for (const document of documents) {
    const source = sourceOf(file, document, lines);
    if (!source.ok) return source;
    sources.push(source.value);
  }
  return { ok: true, value: sources };
}

/** Like {@link parseYaml} for kinds that are one document a file. */
export function parseOneYaml(file: string, text: string): ConfigResult<YamlSource> {
  const parsed = parseYaml(file, text);
  if (!parsed.ok) return parsed;
  const [first, second] = parsed.value;
  if (first !== undefined && second === undefined) return { ok: true, value: first };
  const place = second?.locate([{ path: [], at: 'value', message: 'a second document; this file holds one' }]);
  return { ok: false, errors: place ?? [] };
}

function sourceOf(file: string, document: Document, lines: LineCounter): ConfigResult<YamlSource> {
  const place = (path: readonly PropertyKey[], at: Issue['at']) => lines.linePos(offsetOf(document, path, at));
  const start = place([], 'value');
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIAS_COUNT });
    const locate = (issues: readonly Issue[]): readonly ConfigError[] =>
      issues
        .map(({ path, at, message }) => {
          const { line, col } = place(path, at);
          return { file, line, column: col, path: formatPath(path), message };
        })
        .toSorted(compareConfigErrors);
    return { ok: true, value: { file, value, locate } };
  } catch (error) {
    const reason =
      error instanceof ReferenceError ? 'too many aliases, or an alias of an unknown anchor' : 'cannot be read';
    return { ok: false, errors: [{ file, line: start.line, column: start.col, path: '', message: reason }] };
  }
}

/** Offset of what the path names; of the nearest enclosing part where it was never written. */
function offsetOf(document: Document, path: readonly PropertyKey[], at: Issue['at']): number {
  let node: unknown = document.contents;
  let offset = startOf(node, 0);
  for (const [index, part] of path.entries()) {
    const below = partOf(isAlias(node) ? node.resolve(document) : node, part);
    if (below === null) return offset;
    const keyOffset = startOf(below.key, offset);
    node = below.value;
    offset = index === path.length - 1 && at === 'key' ? keyOffset : startOf(node, keyOffset);
  }
  return offset;
}

/** Key and value under one step of a path; null where the file has none. */
function partOf(node: unknown, part: PropertyKey): { key: unknown; value: unknown } | null {
  if (isMap(node)) {
    return node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part)) ?? null;
  }
  if (!isSeq(node) || typeof part !== 'number' || part >= node.items.length) return null;
  return { key: node.items[part], value: node.items[part] };
}

function startOf(node: unknown, otherwise: number): number {
  return isNode(node) ? (node.range?.[0] ?? otherwise) : otherwise;
}
