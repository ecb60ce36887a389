import { readFile } from 'node:fs/promises';
import type { ProviderId } from '../domain/pool.ts';
import { KNOWN_PROVIDERS } from '../providers/registry.ts';
import { type BrokerDocument, brokerSchema, DEFAULT_CONCURRENCY } from './broker-schema.ts';
import type { ConfigResult } from './config-error.ts';
import { type Issue, type IssueResult, valueIssue } from './issue.ts';
import { checkDocument } from './schema-issues.ts';
import { parseOneYaml } from './yaml-source.ts';

export type StoreConfig =
  | { readonly kind: 'embedded'; readonly dataDirectory: string }
  /** Without a password: that comes from PGPASSWORD or a password file. */
  | { readonly kind: 'postgres'; readonly url: string };

export interface ProviderConfig {
  /** `all`: every region that the cloud, or the emulated cloud, has. */
  readonly regions: 'all' | readonly string[];
  readonly endpoints: Readonly<Record<string, string>>;
  readonly certificateAuthorityFile: string | null;
  readonly credentials: 'default' | 'emulated';
  readonly options: Readonly<Record<string, unknown>>;
  /** Regions read at once. */
  readonly concurrency: number;
}

/** `config/broker.yaml`, validated and with every default filled in. Relative paths are as written. */
export interface BrokerConfig {
  readonly owner: string;
  readonly listen: {
    readonly host: string;
    /** 0 = the system chooses. */
    readonly port: number;
    /** Names, without port, that a request's Host header may carry: the loopback's and the configured ones. */
    readonly allowedHosts: readonly string[];
  };
  readonly store: StoreConfig;
  readonly clouds: 'emulated' | 'real';
  readonly providers: Readonly<Record<ProviderId, ProviderConfig>>;
  readonly intervals: {
    readonly offersSeconds: number;
    readonly quotasSeconds: number;
    readonly reconcileSeconds: number;
    readonly sweepSeconds: number;
    readonly interruptionsSeconds: number;
    readonly rebalanceSeconds: number;
  };
  readonly launch: {
    /** A launch that is not running after this is given up and placed elsewhere. */
    readonly attemptTimeoutSeconds: number;
    /** How long a cloud may deny a machine that it has accepted. */
    readonly visibilitySeconds: number;
    /** Base URL of this broker as its machines reach it; null = they cannot (emulated machines always can). */
    readonly callbackUrl: string | null;
  };
  readonly sweep: {
    /** A machine that no lease accounts for is left alone until it is this old. */
    readonly orphanGraceSeconds: number;
    /** Whether machines of unknown origin are removed, or only reported. */
    readonly removeOrphans: boolean;
  };
}

const LOOPBACK_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

export async function loadBrokerConfig(file: string): Promise<ConfigResult<BrokerConfig>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    return { ok: false, errors: [{ file, line: 1, column: 1, path: '', message: 'this file cannot be read' }] };
  }
  return parseBrokerConfig(file, text);
}

export function parseBrokerConfig(file: string, text: string): ConfigResult<BrokerConfig> {
  const source = parseOneYaml(file, text);
  if (!source.ok) return source;
  const read = readBrokerConfig(source.value.value);
  return read.ok ? read : { ok: false, errors: source.value.locate(read.issues) };
}

function readBrokerConfig(document: unknown): IssueResult<BrokerConfig> {
  const checked = checkDocument('Broker', brokerSchema, document);
  if (!checked.ok) return checked;
  const { spec } = checked.value;
  const issues = [...listenIssues(spec), ...callbackIssues(spec), ...storeIssues(spec), ...providerIssues(spec)];
  return issues.length > 0 ? { ok: false, issues } : { ok: true, value: configFrom(spec) };
}

type Spec = BrokerDocument['spec'];

function configFrom(spec: Spec): BrokerConfig {
  const { owner, listen, store, clouds, intervals, launch, sweep } = spec;
  const named = spec.providers ?? Object.fromEntries(KNOWN_PROVIDERS.map((id) => [id, undefined]));
  const providers = Object.entries(named).map(([id, settings]): [ProviderId, ProviderConfig] => [
    id,
    {
      regions: settings?.regions ?? 'all',
      endpoints: settings?.endpoints ?? {},
      certificateAuthorityFile: settings?.certificateAuthorityFile ?? null,
      credentials: settings?.credentials ?? (clouds === 'emulated' ? 'emulated' : 'default'),
      options: settings?.options ?? {},
      concurrency: settings?.concurrency ?? DEFAULT_CONCURRENCY,
    },
  ]);
  return {
    owner,
    listen: {
      ...listen,
      allowedHosts: [...new Set([...LOOPBACK_HOSTS, ...listen.allowedHosts, ...callbackHosts(spec)])],
    },
    store:
      store.url === undefined
        ? { kind: 'embedded', dataDirectory: store.dataDirectory ?? './data' }
        : { kind: 'postgres', url: store.url },
    clouds,
    providers: Object.fromEntries(providers),
    intervals,
    launch,
    sweep,
  };
}

function listenIssues({ listen }: Spec): Issue[] {
  if (isLoopback(listen.host)) return [];
  const reason = 'the API has no authentication yet, so it listens on this machine only';
  return [
    valueIssue(
      ['spec', 'listen', 'host'],
      `${listen.host} is refused: ${reason}; allowed: 127.0.0.1, ::1, localhost, with a proxy that authenticates in front`,
    ),
  ];
}

/** Machines name this host in their requests. */
function callbackHosts({ launch }: Spec): readonly string[] {
  return launch.callbackUrl === null ? [] : [new URL(launch.callbackUrl).hostname];
}

function callbackIssues({ launch }: Spec): Issue[] {
  if (launch.callbackUrl === null) return [];
  const { protocol, hostname, username, password, search, hash } = new URL(launch.callbackUrl);
  const path = ['spec', 'launch', 'callbackUrl'];
  if (username !== '' || password !== '' || search !== '' || hash !== '') {
    return [
      valueIssue(path, 'is a plain address: no user, password, query or fragment; allowed: https://broker.example'),
    ];
  }
  if (protocol === 'https:' || isLoopback(hostname)) return [];
  return [valueIssue(path, 'would send the machines’ tokens in clear text; allowed: an https URL')];
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

function storeIssues({ store }: Spec): Issue[] {
  if (store.url === undefined) return [];
  const issues: Issue[] = [];
  if (store.dataDirectory !== undefined) {
    issues.push(valueIssue(['spec', 'store', 'url'], 'a dataDirectory is given as well; choose one of the two'));
  }
  const url = new URL(store.url);
  if (url.password !== '' || url.searchParams.has('password')) {
    issues.push(
      valueIssue(
        ['spec', 'store', 'url'],
        'holds a password; this file is no place for secrets: set PGPASSWORD instead',
      ),
    );
  }
  return issues;
}

/** Names under which people keep secrets. */
const SECRET_NAME = /(password|passwd|secret|token|private_?key|access_?key|api_?key)/i;

function providerIssues({ clouds, providers }: Spec): Issue[] {
  const path = ['spec', 'providers'];
  if (clouds === 'real' && providers === undefined) {
    return [valueIssue(['spec', 'clouds'], 'real clouds need spec.providers: name each cloud to use')];
  }
  if (providers !== undefined && Object.keys(providers).length === 0) {
    return [valueIssue(path, `names no provider; allowed: ${KNOWN_PROVIDERS.join(', ')}`)];
  }
  return Object.entries(providers ?? {}).flatMap(([id, settings]) =>
    settings === undefined ? [] : settingsIssues([...path, id], clouds, settings),
  );
}

function settingsIssues(
  path: readonly PropertyKey[],
  clouds: Spec['clouds'],
  settings: NonNullable<NonNullable<Spec['providers']>[string]>,
): Issue[] {
  const issues = secretIssues([...path, 'options'], settings.options);
  const hasEndpoints = Object.keys(settings.endpoints).length > 0;
  if (clouds === 'emulated' && hasEndpoints) {
    issues.push(
      valueIssue([...path, 'endpoints'], 'clouds are emulated, and the program starts those itself; leave this out'),
    );
  }
  if (clouds === 'emulated' && settings.credentials === 'default') {
    issues.push(valueIssue([...path, 'credentials'], 'clouds are emulated: real credentials are not sent there'));
  }
  if (clouds === 'real' && settings.credentials === 'emulated' && !hasEndpoints) {
    issues.push(valueIssue([...path, 'credentials'], 'the real cloud refuses emulated credentials; allowed: default'));
  }
  if (clouds === 'real' && settings.regions === 'all') {
    issues.push(valueIssue([...path, 'regions'], 'name the regions of a real cloud; all is for emulated ones'));
  }
  return issues;
}

function secretIssues(path: readonly PropertyKey[], value: unknown): Issue[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, below]): Issue[] => {
    const here = [...path, Array.isArray(value) ? Number(key) : key];
    if (!SECRET_NAME.test(key) || typeof below === 'object') return secretIssues(here, below);
    return [
      {
        path: here,
        at: 'key',
        message: 'looks like a secret; this file is no place for secrets: the cloud’s SDK finds its own',
      },
    ];
  });
}
