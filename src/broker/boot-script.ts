import { stringify } from 'yaml';
import type { ContainerSpec, WorkloadSpec } from '../domain/workload.ts';

/** What a machine is told about itself: the same variables on all clouds. */
export interface MachineIdentity {
  readonly workload: string;
  readonly replicas: readonly number[];
  readonly part: number;
  readonly partCount: number;
}

/** How a machine tells the broker of its own notices, where its cloud tells them to nobody else. */
export interface CallbackParts {
  readonly url: string;
  readonly token: string;
  /** The adapter's relay: see `NoticeRelay` in the provider contract. */
  readonly script: string;
}

const ENVIRONMENT_FILE = '/etc/gpu-broker/container.env';
/** The relay finds its URL and token here; who needs them for a relay of his own reads the same file. */
const CALLBACK_FILE = '/etc/gpu-broker/callback.env';
const RELAY_FILE = '/usr/local/lib/gpu-broker/notice-relay.sh';
const RELAY_UNIT = 'gpu-broker-notice-relay.service';

const RELAY_UNIT_TEXT = `[Unit]
Description=Tells gpu-broker when the cloud is about to take this machine
Wants=network-online.target
After=network-online.target

[Service]
EnvironmentFile=${CALLBACK_FILE}
ExecStart=/bin/sh ${RELAY_FILE}
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
`;

interface CloudConfig {
  readonly write_files: readonly { readonly path: string; readonly permissions: string; readonly content: string }[];
  readonly runcmd: readonly (readonly string[])[];
}

/** Whether a machine of this workload can be given a token: raw user data is left as its operator wrote it. */
export function takesCallback(spec: WorkloadSpec): boolean {
  return spec.userData === null;
}

/**
 * The cloud-init user data of a machine: the workload's own `userData`, untouched, or a `#cloud-config` that starts the notice relay
 * (where there is one) and runs the workload's container with all GPUs, the same on every cloud. Null when there is nothing of all this:
 * the bare image boots. The image must bring Docker and the NVIDIA container toolkit, as the clouds' deep-learning images do.
 */
export function bootScriptFor(
  spec: WorkloadSpec,
  identity: MachineIdentity,
  callback: CallbackParts | null,
): string | null {
  if (spec.userData !== null) return spec.userData;
  const parts = [
    ...(callback === null ? [] : [relayConfig(callback)]),
    ...(spec.container === null ? [] : [containerConfig(spec.container, identity)]),
  ];
  if (parts.length === 0) return null;
  const config: CloudConfig = {
    write_files: parts.flatMap((part) => part.write_files),
    runcmd: parts.flatMap((part) => part.runcmd),
  };
  return `#cloud-config\n${stringify(config, { lineWidth: 0 })}`;
}

/** First of all: a machine can be taken while it still fetches its image. */
function relayConfig({ url, token, script }: CallbackParts): CloudConfig {
  const environment = { GPU_BROKER_CALLBACK_URL: url, GPU_BROKER_CALLBACK_TOKEN: token };
  return {
    write_files: [
      { path: CALLBACK_FILE, permissions: '0600', content: environmentText(environment) },
      { path: RELAY_FILE, permissions: '0700', content: script },
      { path: `/etc/systemd/system/${RELAY_UNIT}`, permissions: '0644', content: RELAY_UNIT_TEXT },
    ],
    runcmd: [
      ['systemctl', 'daemon-reload'],
      ['systemctl', 'enable', '--now', RELAY_UNIT],
    ],
  };
}

function containerConfig({ image, command, env }: ContainerSpec, identity: MachineIdentity): CloudConfig {
  const variables = {
    ...env,
    GPU_BROKER_WORKLOAD: identity.workload,
    GPU_BROKER_REPLICAS: identity.replicas.join(','),
    GPU_BROKER_PART: String(identity.part),
    GPU_BROKER_PART_COUNT: String(identity.partCount),
  };
  const run = ['docker', 'run', '--detach', '--restart', 'unless-stopped', '--gpus', 'all', '--network', 'host'];
  return {
    write_files: [{ path: ENVIRONMENT_FILE, permissions: '0600', content: environmentText(variables) }],
    runcmd: [[...run, '--env-file', ENVIRONMENT_FILE, '--name', 'workload', image, ...command]],
  };
}

/** One variable a line; a value never starts a line of its own. */
function environmentText(variables: Readonly<Record<string, string>>): string {
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value.replaceAll('\n', ' ')}`);
  return `${lines.join('\n')}\n`;
}
