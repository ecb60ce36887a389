import type { Terminal } from '../cli/terminal.ts';
import { applyWorkloads, startRig } from './rig.ts';

export interface StartOptions {
  readonly seed: number;
  readonly port: number;
  readonly terminal: Terminal;
  readonly stopAsked: Promise<void>;
}

/** The demo's set-up without its story: serves until stopped. The store is a temporary one. */
export async function runStart(options: StartOptions): Promise<void> {
  const { terminal } = options;
  const say = (text: string): void => terminal.write(`${text}\n`);
  const rig = await startRig({ seed: options.seed, port: options.port }, say);
  try {
    const count = await applyWorkloads(rig.api);
    say(`Applied ${count} sample workloads; they are placed as soon as all offers are read.`);
    say(`\nThe broker listens on ${rig.url}`);
    say(`  bin/gpu-broker --url ${rig.url} status      what runs where, at what price, under which rules`);
    say(`  bin/gpu-broker --url ${rig.url} explain NAME  why there`);
    say(`  bin/gpu-broker --url ${rig.url} events      what happened`);
    say('Ctrl-C stops it.');
    await options.stopAsked;
  } finally {
    await rig.stop();
  }
}
