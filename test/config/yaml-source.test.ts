import { describe, expect, it } from 'vitest';
import { formatConfigError } from '../../src/config/config-error.ts';
import { parseOneYaml, parseYaml } from '../../src/config/yaml-source.ts';

function errorsOf(text: string): string[] {
  const parsed = parseYaml('f.yaml', text);
  return parsed.ok ? [] : parsed.errors.map(formatConfigError);
}

describe('parseYaml', () => {
  it.each([
    ['nothing', '', 'f.yaml:1:1 the file is empty'],
    ['comments only', '# nothing\n---\n', 'f.yaml:1:1 the file is empty'],
    ['tab', 'a:\n\t- 1', 'f.yaml:2:1 not valid YAML: Tabs are not allowed as indentation'],
    ['key twice', 'a: 1\nb: 2\na: 3\n', 'f.yaml:3:1 the key "a" stands here twice'],
    ['key twice, deep', 'a:\n  - { b: 1, b: 2 }\n', 'f.yaml:2:13 the key "b" stands here twice'],
    ['mapping as key', '{ { a: 1 }: 2 }', 'f.yaml:1:3 a key must be a plain word'],
    ['unknown alias', 'a: *nobody\n', 'f.yaml:1:1 too many aliases, or an alias of an unknown anchor'],
    ['tag', 'a: !!js/function "x"\n', 'f.yaml:1:4 not valid YAML: Unresolved tag: tag:yaml.org,2002:js/function'],
  ])('refuses %s', (_title, text, expected) => {
    expect(errorsOf(text)).toEqual([expected]);
  });

  it('takes aliases in reason, and refuses a bomb', () => {
    expect(parseYaml('f.yaml', 'a: &x [1]\nb: [*x, *x]\n')).toMatchObject({
      ok: true,
      value: [{ value: { b: [[1], [1]] } }],
    });
    const levels = Array.from({ length: 9 }, (_, level) => {
      const below = level === 0 ? '"lol"' : `*l${level - 1}`;
      return `l${level}: &l${level} [${Array(9).fill(below).join(', ')}]`;
    });
    expect(errorsOf(levels.join('\n'))).toEqual(['f.yaml:1:1 too many aliases, or an alias of an unknown anchor']);
  });

  it.each([
    ['brackets', '['.repeat(500_000)],
    ['dashes', '- '.repeat(250_000)],
    ['question marks', '? '.repeat(250_000)],
    ['braces', '{a: '.repeat(200_000)],
  ])('refuses a million %s at once', (_title, text) => {
    expect(errorsOf(text)[0]).toMatch(/nested too deep$/);
  });

  it('refuses more than a mebibyte', () => {
    expect(errorsOf(`a: ${'x'.repeat(1024 * 1024)}`)).toEqual(['f.yaml:1:1 the file is larger than 1 MiB']);
  });

  it('keeps a key named __proto__ a key', () => {
    const parsed = parseYaml('f.yaml', '__proto__: { polluted: true }\n');
    expect(parsed.ok && Object.keys(Object(parsed.value[0]?.value))).toEqual(['__proto__']);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  it('places an issue behind an alias, at a key, and in what was never written', () => {
    const parsed = parseOneYaml('f.yaml', 'base: &base\n  deep: 1\nuse: *base\nlist:\n  - a\n  - b\n');
    const places = (path: (string | number)[], at: 'key' | 'value' = 'value') =>
      (parsed.ok ? parsed.value.locate([{ path, at, message: 'm' }]) : []).map(({ line, column }) => [line, column]);
    expect(places(['use', 'deep'])).toEqual([[2, 9]]);
    expect(places(['base', 'deep'], 'key')).toEqual([[2, 3]]);
    expect(places(['list', 1])).toEqual([[6, 5]]);
    expect(places(['list', 7])).toEqual([[5, 3]]);
    expect(places(['base', 'nothing'])).toEqual([[2, 3]]);
    expect(places(['nothing', 'at', 'all'])).toEqual([[1, 1]]);
  });
});

describe('parseOneYaml', () => {
  it('refuses a second document where it starts', () => {
    const parsed = parseOneYaml('f.yaml', 'a: 1\n---\nb: 2\n');
    expect(parsed.ok ? [] : parsed.errors.map(formatConfigError)).toEqual([
      'f.yaml:3:1 a second document; this file holds one',
    ]);
  });
});
