import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadBrokerConfig, parseBrokerConfig } from '../../src/config/broker-config.ts';
import { formatConfigError } from '../../src/config/config-error.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const HEAD = 'apiVersion: gpu-broker/v1\nkind: Broker\n';

function errorsOf(spec: string): string[] {
  const parsed = parseBrokerConfig('b.yaml', `${HEAD}spec:\n${spec}`);
  return parsed.ok ? [] : parsed.errors.map(formatConfigError);
}

describe('parseBrokerConfig', () => {
  it('needs nothing but the kind', () => {
    const provider = {
      regions: 'all',
      endpoints: {},
      certificateAuthorityFile: null,
      credentials: 'emulated',
      options: {},
      concurrency: 4,
    };
    expect(parseBrokerConfig('b.yaml', HEAD)).toEqual({
      ok: true,
      value: {
        owner: 'gpu-broker',
        listen: { host: '127.0.0.1', port: 8080, allowedHosts: ['localhost', '127.0.0.1', '[::1]'] },
        store: { kind: 'embedded', dataDirectory: './data' },
        clouds: 'emulated',
        providers: { aws: provider, azure: provider, gcp: provider, lambda: provider },
        intervals: {
          offersSeconds: 300,
          quotasSeconds: 300,
          reconcileSeconds: 5,
          sweepSeconds: 300,
          interruptionsSeconds: 1,
          rebalanceSeconds: 900,
        },
        launch: { attemptTimeoutSeconds: 600, visibilitySeconds: 60, callbackUrl: null },
        sweep: { orphanGraceSeconds: 600, removeOrphans: false },
      },
    });
  });

  it('lets machines name the host that they call back', () => {
    const parsed = parseBrokerConfig(
      'b.yaml',
      `${HEAD}spec: { launch: { callbackUrl: "https://broker.example/a" } }\n`,
    );
    expect(parsed.ok && parsed.value.listen.allowedHosts).toContain('broker.example');
    expect(parsed.ok && parsed.value.launch.callbackUrl).toBe('https://broker.example/a');
  });

  it('reads real clouds', () => {
    const text = `${HEAD}spec:
  listen: { allowedHosts: [broker.example] }
  store: { url: "postgres://broker@db.example/broker" }
  clouds: real
  providers:
    azure: { regions: [eastus], options: { subscriptionId: s, resourceGroup: g } }
`;
    const parsed = parseBrokerConfig('b.yaml', text);
    expect(parsed).toMatchObject({
      ok: true,
      value: {
        listen: { allowedHosts: ['localhost', '127.0.0.1', '[::1]', 'broker.example'] },
        store: { kind: 'postgres', url: 'postgres://broker@db.example/broker' },
      },
    });
    expect(parsed.ok && parsed.value.providers).toEqual({
      azure: {
        regions: ['eastus'],
        endpoints: {},
        certificateAuthorityFile: null,
        credentials: 'default',
        options: { subscriptionId: 's', resourceGroup: 'g' },
        concurrency: 4,
      },
    });
  });

  it.each([
    [
      'host beyond loopback',
      '  listen: { host: 0.0.0.0 }',
      '4:19 spec.listen.host: 0.0.0.0 is refused: the API has no authentication yet, so it listens on this machine only; allowed: 127.0.0.1, ::1, localhost, with a proxy that authenticates in front',
    ],
    [
      'password in a URL',
      '  store: { url: "postgres://a:secret@db.example/b" }',
      '4:17 spec.store.url: holds a password; this file is no place for secrets: set PGPASSWORD instead',
    ],
    [
      'two stores',
      '  store: { dataDirectory: d, url: "postgres://db.example/b" }',
      '4:35 spec.store.url: a dataDirectory is given as well; choose one of the two',
    ],
    [
      'secret among the options',
      '  providers: { azure: { options: { auth: { clientSecret: s } } } }',
      '4:44 spec.providers.azure.options.auth.clientSecret: looks like a secret; this file is no place for secrets: the cloud’s SDK finds its own',
    ],
    [
      'unknown provider',
      '  providers: { awss: {} }',
      '4:16 spec.providers.awss: unknown key; allowed: aws, azure, gcp, lambda; did you mean aws?',
    ],
    ['no provider', '  providers: {}', '4:14 spec.providers: names no provider; allowed: aws, azure, gcp, lambda'],
    [
      'endpoint of an emulated cloud',
      '  providers: { aws: { endpoints: { ec2: "http://x.example" } } }',
      '4:34 spec.providers.aws.endpoints: clouds are emulated, and the program starts those itself; leave this out',
    ],
    [
      'endpoint without a scheme',
      '  clouds: real\n  providers: { aws: { regions: [r], endpoints: { ec2: x.example } } }',
      '5:55 spec.providers.aws.endpoints.ec2: "x.example" does not have the right form; allowed: an http or https URL',
    ],
    [
      'real clouds without names',
      '  clouds: real',
      '4:11 spec.clouds: real clouds need spec.providers: name each cloud to use',
    ],
    [
      'all regions of a real cloud',
      '  clouds: real\n  providers: { aws: { regions: all } }',
      '5:32 spec.providers.aws.regions: name the regions of a real cloud; all is for emulated ones',
    ],
    [
      'real credentials to an emulated cloud',
      '  providers: { aws: { credentials: default } }',
      '4:36 spec.providers.aws.credentials: clouds are emulated: real credentials are not sent there',
    ],
    [
      'misspelt regions',
      '  providers: { aws: { regions: al } }',
      '4:32 spec.providers.aws.regions: "al" is a text; allowed: all, or a list of region names of that cloud',
    ],
    [
      'interval of 0',
      '  intervals: { offersSeconds: 0 }',
      '4:31 spec.intervals.offersSeconds: 0 is too small; allowed: a whole number from 1 to 86400',
    ],
  ])('%s', (_title, spec, expected) => {
    expect(errorsOf(spec)).toEqual([`b.yaml:${expected}`]);
  });

  it('does not repeat a secret that it refuses', () => {
    expect(errorsOf('  store: { url: "postgres://a:hunter2@db.example/b" }').join()).not.toContain('hunter2');
    expect(errorsOf('  providers: { aws: { options: { password: hunter2 } } }').join()).not.toContain('hunter2');
  });
});

describe('loadBrokerConfig', () => {
  it('reads the file that is shipped', async () => {
    const loaded = await loadBrokerConfig(path.join(ROOT, 'config/broker.yaml'));
    expect(loaded.ok ? [] : loaded.errors.map(formatConfigError)).toEqual([]);
  });

  it('says so when there is none', async () => {
    const loaded = await loadBrokerConfig('nowhere.yaml');
    expect(loaded.ok ? [] : loaded.errors.map(formatConfigError)).toEqual([
      'nowhere.yaml:1:1 this file cannot be read',
    ]);
  });
});
