import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../../src/emulators/world/clocks.ts';
import { parseOptions } from '../../../src/providers/gcp/settings.ts';

function parsed(options: Record<string, unknown>) {
  return parseOptions({
    ...{ regions: ['us-central1'], endpoints: {}, certificateAuthority: null, credentials: 'emulated', options },
    clock: createManualClock(0),
  });
}

describe('options', () => {
  it('need no more than a project', () => {
    expect(parsed({ project: 'gpu-fleet' })).toMatchObject({ network: 'global/networks/default', diskGiB: 100 });
    expect(parsed({ project: 'gpu-fleet', images: { a3: 'x' } }).images).toMatchObject({
      a3: 'x',
      default: expect.stringContaining('images/family'),
    });
  });

  it.each([
    [{}, 'options.project'],
    [{ project: 'X' }, 'options.project: must be a project id'],
    [{ project: 'gpu-fleet', diskGiB: 5 }, 'options.diskGiB'],
    [{ project: 'gpu-fleet', serviceAccount: 'nobody' }, 'options.serviceAccount'],
    [{ project: 'gpu-fleet', projekt: 'x' }, 'options.projekt: there is no such option; allowed are project, network'],
    [{ project: 'gpu-fleet', networkTags: ['Not A Tag'] }, 'options.networkTags.0: must be a tag'],
    [{ project: 'gpu-fleet', sshKeys: ['AAAA'] }, 'options.sshKeys.0: must be "user:ssh-ed25519'],
    [{ project: 'gpu-fleet', labels: { 'gpu-broker-owner': 'x' } }, 'must not begin with "gpu-broker-"'],
    [{ project: 'gpu-fleet', labels: { team: 'Not a value' } }, 'options.labels.team: must be a label value'],
    [{ project: 'gpu-fleet', serviceAccountScopes: ['x'] }, 'options.serviceAccountScopes.0: must be a scope'],
  ])('%j are refused by the name of the field', (options, message) => {
    expect(() => parsed(options)).toThrow(expect.objectContaining({ kind: 'invalid-request' }));
    expect(() => parsed(options)).toThrow(message);
  });
});
