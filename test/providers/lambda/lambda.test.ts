import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fingerprintOf, identityOf, nameOf, tagsFor } from '../../../src/providers/lambda/identity.ts';
import { createLine } from '../../../src/providers/lambda/line.ts';
import { acceleratorOf } from '../../../src/providers/lambda/offers.ts';
import { imageFor, readCredential, readOptions } from '../../../src/providers/lambda/settings.ts';
import type { LaunchRequest, ProviderSettings } from '../../../src/providers/provider.ts';
import { aRequest, REGIONS } from './lambda-clouds.ts';

const key = fc.stringMatching(/^[a-z0-9]{1,40}$/);
const tagWord = fc.stringMatching(/^[a-z0-9-]{1,63}$/);

describe('what is written on a Lambda machine', () => {
  it('is read back, whatever the caller’s tags, within Lambda’s limits', () => {
    const identity = fc.record({
      owner: fc.stringMatching(/^[a-z0-9-]{1,40}$/),
      idempotencyKey: key,
      index: fc.nat(500),
      fingerprint: fc.constant('f'.repeat(40)),
      launchedAt: fc.option(fc.nat(4e12), { nil: null }),
      tags: fc.dictionary(tagWord, tagWord, { maxKeys: 6 }),
    });
    fc.assert(
      fc.property(identity, (written) => {
        const tags = tagsFor(written);
        expect(identityOf(tags)).toEqual({ ...written, tags: { ...written.tags } });
        expect(new Set(tags.map((tag) => tag.key)).size).toBe(tags.length);
        for (const tag of tags) {
          expect(tag.key).toMatch(/^[a-z][a-z0-9-:]+$/);
          expect(tag.key.length).toBeLessThanOrEqual(55);
          expect(tag.value.length).toBeLessThanOrEqual(128);
        }
        expect(nameOf(written.idempotencyKey, written.index).length).toBeLessThanOrEqual(64);
      }),
    );
  });

  it('is nobody’s without owner and attempt', () => {
    expect(identityOf([])).toBeNull();
    expect(identityOf([{ key: 'gpu-broker-owner', value: 'me' }])).toBeNull();
    expect(identityOf([{ key: 'gpu-broker-attempt', value: 'k' }])).toBeNull();
  });
});

describe('the fingerprint of a request', () => {
  const changes: Readonly<Record<string, Partial<LaunchRequest>>> = {
    owner: { owner: 'other' },
    count: { count: 2 },
    tags: { tags: { workload: 'other' } },
    'user data': { userData: 'x' },
    region: { pool: { ...aRequest().pool, region: REGIONS[1] ?? '' } },
    type: { pool: { ...aRequest().pool, instanceType: 'other' } },
    market: { pool: { ...aRequest().pool, market: 'spot' } },
    zone: { pool: { ...aRequest().pool, zone: 'a' } },
  };

  it.each(Object.entries(changes))('differs with another %s', (_what, change) => {
    expect(fingerprintOf(aRequest(change), null)).not.toBe(fingerprintOf(aRequest(), null));
  });

  it('differs with another image, and neither with the key, nor with the order of tags, nor with being sent again', () => {
    const request = aRequest({ tags: { a1: '1', b1: '2' } });
    const again = aRequest({ tags: { b1: '2', a1: '1' }, resend: true, idempotencyKey: 'other' });
    expect(fingerprintOf(again, null)).toBe(fingerprintOf(request, null));
    expect(fingerprintOf(request, { family: 'x' })).not.toBe(fingerprintOf(request, null));
  });
});

describe('Lambda’s words for GPUs', () => {
  it.each([
    ['A10 (24 GB PCIe)', 'A10'],
    ['A100 (40 GB PCIe)', 'A100-40GB'],
    ['A100 (40 GB SXM4)', 'A100-40GB'],
    ['A100 (80 GB SXM4)', 'A100-80GB'],
    ['A6000 (48 GB)', 'A6000'],
    ['RTX A6000 (48 GB)', 'A6000'],
    ['RTX 6000 (24 GB)', 'RTX-6000-24GB'],
    ['Quadro RTX 6000 (24 GB)', 'RTX-6000-24GB'],
    ['Tesla V100 (16 GB)', 'V100-16GB'],
    ['H100 (80 GB SXM5)', 'H100-80GB-SXM'],
    ['NVIDIA H100 (80 GB SXM5)', 'H100-80GB-SXM'],
    ['B200 (180 GB SXM6)', 'B200-180GB-SXM'],
    ['GH200 (96 GB)', 'GH200-96GB'],
    ['L40S', 'L40S'],
  ])('%s is %s', (description, name) => {
    expect(acceleratorOf(description)?.name).toBe(name);
  });

  it('trap: a PCIe card is not the SXM module of its name', () => {
    expect(acceleratorOf('H100 (80 GB PCIe)')?.name).toBe('H100-80GB-PCIE');
    expect(acceleratorOf('H200 (141 GB PCIe)')).toBeNull();
  });

  it.each(['', 'N/A', 'A100', 'RTX 6000 Ada (48 GB)', 'X9 (1 GB)', 'toString'])(
    '%j is none that is known',
    (description) => {
      expect(acceleratorOf(description)).toBeNull();
    },
  );
});

describe('a line', () => {
  it('runs the work of one key one after the other, in order, and of two keys at once', async () => {
    const line = createLine();
    const { signal } = new AbortController();
    const log: string[] = [];
    const gate = Promise.withResolvers<void>();
    const first = line.run('a', signal, async () => {
      await gate.promise;
      log.push('a1');
    });
    const second = line.run('a', signal, async () => {
      log.push('a2');
    });
    await line.run('b', signal, async () => {
      log.push('b');
    });
    gate.resolve();
    await Promise.all([first, second]);
    expect(log).toEqual(['b', 'a1', 'a2']);
  });

  it('trap: a failure, or one who leaves the line, lets the next one in', async () => {
    const line = createLine();
    const { signal } = new AbortController();
    const leaving = new AbortController();
    const gate = Promise.withResolvers<void>();
    const failing = line.run('a', signal, async () => {
      await gate.promise;
      throw new Error('first');
    });
    const reason = new Error('changed my mind');
    const left = line.run('a', leaving.signal, async () => 'never');
    const last = line.run('a', signal, async () => 'done');
    leaving.abort(reason);
    await expect(left).rejects.toBe(reason);
    gate.resolve();
    await expect(failing).rejects.toThrow('first');
    await expect(last).resolves.toBe('done');
  });
});

describe('settings', () => {
  function settings(options: Readonly<Record<string, unknown>>, credentials: 'default' | 'emulated' = 'default') {
    return { options, credentials } as ProviderSettings;
  }

  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('name each wrong option', () => {
    expect(() => readOptions(settings({}))).toThrow(
      /^lambda: options\.sshKeyName: must name an SSH key of the account/,
    );
    expect(() => readOptions(settings({ sshKeyName: 'k', images: { A10: '' } }))).toThrow(/options\.images\.A10: /);
    expect(() => readOptions(settings({ sshKeyName: 'k', zone: 'a' }))).toThrow(/zone/);
  });

  it('take the key from the environment, and say how it is called where it is not there', () => {
    vi.stubEnv('LAMBDA_API_KEY', '');
    expect(() => readCredential(settings({}))).toThrow(/LAMBDA_API_KEY.*cloud\.lambda\.ai\/api-keys/);
    vi.stubEnv('LAMBDA_API_KEY', ' secret_abc \n');
    expect(readCredential(settings({}))).toBe('secret_abc');
    expect(readCredential(settings({}, 'emulated'))).toBe('emulated');
  });

  it('tell an image id from a family', () => {
    const images = { A10: '43336648-096d-4cba-9aa2-f9bb7727639d', L4: 'f'.repeat(32), '*': 'lambda-stack-24-04' };
    const options = readOptions(settings({ sshKeyName: 'k', images }));
    expect(imageFor(options, 'A10')).toEqual({ id: images.A10 });
    expect(imageFor(options, 'L4')).toEqual({ id: images.L4 });
    expect(imageFor(options, 'B200-180GB-SXM')).toEqual({ family: 'lambda-stack-24-04' });
    expect(imageFor(readOptions(settings({ sshKeyName: 'k' })), 'A10')).toBeNull();
  });
});
