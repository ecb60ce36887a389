import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { KNOWN_PROVIDERS } from '../src/providers/registry.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const SRC = path.join(ROOT, 'src');

interface Import {
  readonly from: string;
  /** Relative to src, posix; or a package name. */
  readonly to: string;
  readonly isPackage: boolean;
  readonly isDynamic: boolean;
}

function sourceFiles(): string[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => name.split(path.sep).join('/'))
    .toSorted();
}

const SPECIFIER =
  /(?:^|\n)\s*(?:import|export)\s+(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]|(import)\s*\(\s*['"]([^'"]+)['"]\s*\)|new URL\(\s*['"](\.[^'"]+\.ts)['"]/g;

function importsOf(file: string): Import[] {
  const text = readFileSync(path.join(SRC, file), 'utf8');
  return [...text.matchAll(SPECIFIER)].map((match) => {
    const specifier = match[1] ?? match[3] ?? match[4] ?? '';
    const isPackage = !specifier.startsWith('.');
    const to = isPackage ? specifier : path.posix.normalize(path.posix.join(path.posix.dirname(file), specifier));
    return { from: file, to, isPackage, isDynamic: match[1] === undefined };
  });
}

const files = sourceFiles();
const imports = files.flatMap(importsOf);
const own = imports.filter((entry) => !entry.isPackage && entry.to.endsWith('.ts'));

function room(file: string): string {
  const [first = '', second = ''] = file.split('/');
  return first === 'providers' && second !== '' && !second.endsWith('.ts') ? `providers/${second}` : first;
}

/** What each room may import of ours (DESIGN §3). `main.ts` may import everything. */
const ALLOWED: Readonly<Record<string, (to: string) => boolean>> = {
  domain: (to) => to.startsWith('domain/'),
  planning: (to) => /^(planning|domain)\//.test(to),
  providers: (to) => to.startsWith('providers/') || to.startsWith('domain/'),
  store: (to) => /^(store|domain)\//.test(to),
  config: (to) => /^(config|domain)\//.test(to) || to === 'providers/registry.ts',
  broker: (to) => /^(broker|planning|store|domain)\//.test(to) || to === 'providers/provider.ts',
  api: (to) => /^(api|broker|config|domain)\//.test(to),
  cli: (to) => /^(cli|api|config|domain)\//.test(to),
  emulators: (to) => /^(emulators|domain)\//.test(to),
  main: () => true,
};

/** An adapter imports the contract, the domain and, where its cloud has no SDK, the transport; nothing of another adapter. */
function adapterMay(adapter: string, to: string): boolean {
  const shared = ['providers/provider.ts', 'providers/rest-transport.ts'];
  return to.startsWith(`${adapter}/`) || to.startsWith('domain/') || shared.includes(to);
}

function mayImport(from: string, to: string): boolean {
  const ofRoom = room(from);
  if (ofRoom.startsWith('providers/')) return adapterMay(ofRoom, to);
  return ALLOWED[ofRoom]?.(to) ?? false;
}

/** The folders of the adapters, which are what the registry loads. */
const ADAPTERS = [...new Set(files.map(room).filter((name) => name.startsWith('providers/')))].map((name) =>
  name.slice('providers/'.length),
);

describe('architecture', () => {
  it('found the sources', () => {
    expect(files.length).toBeGreaterThan(10);
    expect(own.length).toBeGreaterThan(10);
    expect(files).toContain('domain/money.ts');
  });

  it('every import names a file that exists', () => {
    const known = new Set(files);
    expect(own.filter((entry) => !known.has(entry.to)).map((entry) => `${entry.from} → ${entry.to}`)).toEqual([]);
  });

  it('imports go down only', () => {
    const wrong = own.filter((entry) => {
      return entry.from.includes('/') && !mayImport(entry.from, entry.to);
    });
    expect(wrong.map((entry) => `${entry.from} → ${entry.to}`)).toEqual([]);
  });

  it('only registry.ts loads an adapter, and dynamically', () => {
    const adapters = own.filter((entry) => /^providers\/[^/]+\//.test(entry.to) && room(entry.from) !== room(entry.to));
    expect(adapters.filter((entry) => entry.from !== 'providers/registry.ts' || !entry.isDynamic)).toEqual([]);
  });

  it('the registry knows every adapter, and every adapter has a conformance run and documents', () => {
    expect(ADAPTERS.length).toBeGreaterThan(2);
    expect([...KNOWN_PROVIDERS].toSorted()).toEqual(ADAPTERS.toSorted());
    const missing = ADAPTERS.flatMap((id) =>
      [`test/conformance/${id}.integration.test.ts`, `docs/providers/${id}.md`].filter(
        (file) => !existsSync(path.join(ROOT, file)),
      ),
    );
    expect(missing).toEqual([]);
  });

  it('nothing imports the composition root but its entry', () => {
    const wrong = own.filter(
      (entry) => entry.to.startsWith('main/') && room(entry.from) !== 'main' && entry.from !== 'main.ts',
    );
    expect(wrong).toEqual([]);
    expect(own.filter((entry) => entry.to === 'main.ts' && room(entry.from) !== 'main')).toEqual([]);
  });

  it('the broker, the planner and the domain name no cloud', () => {
    const name = new RegExp(`['"\`](${ADAPTERS.join('|')})['"\`]`);
    const naming = files
      .filter((file) => /^(broker|planning|domain)\//.test(file))
      .filter((file) => name.test(readFileSync(path.join(SRC, file), 'utf8').replaceAll(/\/\*\*[\s\S]*?\*\//g, '')));
    expect(naming).toEqual([]);
  });

  it('domain and planning do no I/O', () => {
    const packages = imports.filter((entry) => /^(domain|planning)\//.test(entry.from) && entry.isPackage);
    expect(packages.filter((entry) => entry.to !== 'highs').map((entry) => `${entry.from} → ${entry.to}`)).toEqual([]);
  });

  it('cloud SDKs stay inside their adapter (and the ec2 front, which borrows the SDK’s schemas)', () => {
    const wrong = imports.filter((entry) => {
      if (!entry.isPackage) return false;
      if (entry.to.startsWith('@aws-sdk/')) return !/^(providers\/aws|emulators\/ec2)\//.test(entry.from);
      if (entry.to.startsWith('@azure/')) return !entry.from.startsWith('providers/azure/');
      if (entry.to.startsWith('@google-cloud/') || entry.to.startsWith('google-')) {
        return !/^(providers\/gcp|emulators\/gce)\//.test(entry.from);
      }
      return false;
    });
    expect(wrong.map((entry) => `${entry.from} → ${entry.to}`)).toEqual([]);
  });

  it('has no import cycles', () => {
    const edges = new Map<string, string[]>();
    for (const entry of own) edges.set(entry.from, [...(edges.get(entry.from) ?? []), entry.to]);
    const done = new Set<string>();
    const cycles: string[] = [];
    function visit(file: string, trail: readonly string[]): void {
      if (trail.includes(file)) {
        cycles.push([...trail.slice(trail.indexOf(file)), file].join(' → '));
        return;
      }
      if (done.has(file)) return;
      for (const next of edges.get(file) ?? []) visit(next, [...trail, file]);
      done.add(file);
    }
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });
});
