import { stringify } from 'yaml';
import type { WorkloadSpec } from '../domain/workload.ts';

/** What a machine is told about itself: the same variables on all clouds. */
export interface MachineIdentity {
  readonly workload: string;
  readonly replicas: readonly number[];
  readonly part: number;
  readonly partCount: number;
}

const ENVIRONMENT_FILE = '/etc/gpu-broker/container.env';

/**
 * The cloud-init user data of a machine: the workload's own `userData`, or a `#cloud-config` that runs its container with all GPUs,
 * the same on every cloud. Null when the workload names neither: the bare image boots. The image must bring Docker and the
 * NVIDIA container toolkit, as the clouds' deep-learning images do.
 */
export function bootScriptFor(spec: WorkloadSpec, identity: MachineIdentity): string | null {
  if (spec.userData !== null) return spec.userData;
  if (spec.container === null) return null;
  const { image, command, env } = spec.container;
  const variables: Record<string, string> = {
    ...env,
    GPU_BROKER_WORKLOAD: identity.workload,
    GPU_BROKER_REPLICAS: identity.replicas.join(','),
    GPU_BROKER_PART: String(identity.part),
    GPU_BROKER_PART_COUNT: String(identity.partCount),
  };
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value.replaceAll('\n', ' ')}`);
  const run = ['docker', 'run', '--detach', '--restart', 'unless-stopped', '--gpus', 'all', '--network', 'host'];
  const config = {
    write_files: [{ path: ENVIRONMENT_FILE, permissions: '0600', content: `${lines.join('\n')}\n` }],
    runcmd: [[...run, '--env-file', ENVIRONMENT_FILE, '--name', 'workload', image, ...command]],
  };
  return `#cloud-config\n${stringify(config, { lineWidth: 0 })}`;
}
