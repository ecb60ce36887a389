import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { bootScriptFor } from '../../src/broker/boot-script.ts';
import type { WorkloadSpec } from '../../src/domain/workload.ts';
import { aWorkload } from '../support/samples.ts';

const identity = { workload: 'train', replicas: [0, 1], part: 1, partCount: 4 };

function specWith(change: Partial<WorkloadSpec>): WorkloadSpec {
  return aWorkload({ name: 'train', ...change });
}

describe('boot script', () => {
  it('runs the container with all GPUs, its own variables and the machine’s place in the gang', () => {
    const container = { image: 'example/train:1', command: ['run', '--all'], env: { MODE: 'fast' } };
    const script = bootScriptFor(specWith({ container }), identity, null);
    expect(script?.startsWith('#cloud-config\n')).toBe(true);
    const config = parse(script ?? '');
    expect(config.runcmd[0].slice(-3)).toEqual(['example/train:1', 'run', '--all']);
    expect(config.runcmd[0].join(' ')).toContain('--gpus all');
    expect(config.write_files[0].content).toBe(
      'MODE=fast\nGPU_BROKER_WORKLOAD=train\nGPU_BROKER_REPLICAS=0,1\nGPU_BROKER_PART=1\nGPU_BROKER_PART_COUNT=4\n',
    );
    expect(config.write_files[0].permissions).toBe('0600');
  });

  it('keeps values that look like YAML or shell as they are, and never lets one start a line of its own', () => {
    const env = { TRICKY: 'yes: [no] #x "y" $HOME `id`', LINES: 'a\nINJECTED=1' };
    const script = bootScriptFor(specWith({ container: { image: 'i', command: [], env } }), identity, null);
    const content: string = parse(script ?? '').write_files[0].content;
    expect(content.split('\n')[0]).toBe('TRICKY=yes: [no] #x "y" $HOME `id`');
    expect(content.split('\n')).not.toContain('INJECTED=1');
  });

  it('passes the workload’s own user data through untouched', () => {
    expect(bootScriptFor(specWith({ userData: '#!/bin/sh\necho hi\n' }), identity, null)).toBe('#!/bin/sh\necho hi\n');
  });

  it('is null where there is nothing to run', () => {
    expect(bootScriptFor(specWith({}), identity, null)).toBeNull();
  });
});
