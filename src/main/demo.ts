import { setTimeout as sleep } from 'node:timers/promises';
import { explanationSchema } from '../api/resources/explanation.ts';
import { fleetSchema } from '../api/resources/fleet.ts';
import type { LeaseJson } from '../api/resources/leases.ts';
import type { WorkloadJson } from '../api/resources/workloads.ts';
import { renderFleet } from '../cli/tables/fleet.ts';
import { renderExplanation } from '../cli/tables/market.ts';
import { dollarsOf } from '../cli/tables/table.ts';
import type { Terminal } from '../cli/terminal.ts';
import type { MachineView } from '../emulators/control/views.ts';
import { followEvents } from './demo-events.ts';
import { renderRequests } from './demo-requests.ts';
import { allWorkloads, applyWorkloads, isSettled, type Rig, startRig } from './rig.ts';

export interface DemoOptions {
  readonly seed: number;
  /** Leave everything running at the end, until Ctrl-C. */
  readonly keep: boolean;
  /** Print what the emulated clouds were asked, and by which clients. */
  readonly showRequests: boolean;
  /** 0 = any free port. */
  readonly port: number;
  readonly terminal: Terminal;
  /** Resolves when the person asks to stop. */
  readonly stopAsked: Promise<void>;
}

const PLACED_WITHIN_MS = 120_000;
const ACCELERATOR_IN_SHORTAGE = 'H100-80GB-SXM';

/** The main job from end to end, told step by step. Returns the exit code: 0 = everything asked for runs, and the clouds agree. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const startedAt = performance.now();
  const say = createSay(options.terminal, startedAt);
  const rig = await startRig({ seed: options.seed, port: options.port }, say.step);
  try {
    await placeSamples(rig, say);
    await showFleet(rig, options.terminal);
    await showReasons(rig, 'llm-training', options.terminal);
    await sufferShortage(rig, say, options.terminal);
    await showFleet(rig, options.terminal);
    const agreed = await compareWithClouds(rig, say);
    if (options.showRequests)
      options.terminal.write(renderRequests(await rig.control.requests(0), options.terminal.style));
    say.summary(agreed, options.seed);
    if (options.keep) await keepRunning(rig, options);
    return agreed ? 0 : 1;
  } finally {
    await rig.stop();
  }
}

interface Say {
  readonly step: (text: string) => void;
  readonly detail: (text: string) => void;
  readonly summary: (agreed: boolean, seed: number) => void;
}

function createSay(terminal: Terminal, startedAt: number): Say {
  const { style } = terminal;
  const elapsed = (): string => `${((performance.now() - startedAt) / 1000).toFixed(1).padStart(5)} s`;
  return {
    step: (text) => terminal.write(`${style.dim(elapsed())}  ${style.strong(text)}\n`),
    detail: (text) => terminal.write(`${style.dim(elapsed())}    ${text}\n`),
    summary: (agreed, seed) => {
      const verdict = agreed
        ? style.good('Every replica runs, and every machine in the clouds has its lease.')
        : style.bad('The clouds and the leases do not agree: see above.');
      terminal.write(
        `\n${verdict}\nSeed ${seed}, ${elapsed().trim()} in all. Try: npm run demo -- --show-requests, npm start\n`,
      );
    },
  };
}

async function placeSamples(rig: Rig, say: Say): Promise<void> {
  say.step('Reading prices, capacity and quotas of every region through the official SDKs');
  await untilReady(rig, say);
  const count = await applyWorkloads(rig.api);
  say.step(
    `Applied ${count} workloads from config/workloads under config/policies/default.yaml; placing and launching`,
  );
  const workloads = await untilSettled(rig, say);
  const machines = workloads.flatMap(({ leases }) => leases).length;
  say.detail(`${machines} machines run for ${workloads.length} workloads`);
}

/** Waits until every provider was read, telling how far it is. */
async function untilReady(rig: Rig, say: Say): Promise<void> {
  let told = '';
  const deadline = performance.now() + PLACED_WITHIN_MS;
  for (;;) {
    const response = await fetch(new URL('/readyz', rig.url));
    if (response.ok) return;
    const answer = await response.text();
    if (answer !== told) say.detail(`not ready yet: ${waitingFor(answer)}`);
    told = answer;
    if (performance.now() > deadline) throw new Error(`The broker was not ready in time: ${answer}`);
    await sleep(250);
  }
}

function waitingFor(answer: string): string {
  const missing = /"missing":\[(.*?)\]/.exec(answer)?.[1];
  return (missing ?? answer).replaceAll('","', '; ').replaceAll('"', '').slice(0, 200);
}

/** Waits until every replica of every workload is ready; an event of interest is told as it comes. */
async function untilSettled(rig: Rig, say: Say, after = 0): Promise<WorkloadJson[]> {
  const events = followEvents(rig.api, after, say.detail);
  const deadline = performance.now() + PLACED_WITHIN_MS;
  for (;;) {
    await events.tell();
    const workloads = await allWorkloads(rig.api);
    if (isSettled(workloads)) {
      await events.tell();
      return workloads;
    }
    if (performance.now() > deadline) {
      const held = workloads.flatMap(({ name, holdReasons }) => holdReasons.map(({ detail }) => `${name}: ${detail}`));
      throw new Error(`Not everything ran in time. ${held.join('; ')}`);
    }
    await sleep(250);
  }
}

async function showFleet(rig: Rig, terminal: Terminal): Promise<void> {
  const fleet = await rig.api.get('/v1/fleet', fleetSchema);
  terminal.write(`\n${renderFleet(fleet, await allWorkloads(rig.api), terminal.style)}\n`);
}

/** Of each verdict the cheapest so many. */
const SHOWN_OF_VERDICT = 2;

/** Why one workload runs where it runs: the offers taken, and of each reason to pass one over the cheapest. */
async function showReasons(rig: Rig, name: string, terminal: Terminal): Promise<void> {
  const explanation = await rig.api.get(`/v1/workloads/${name}/explanation`, explanationSchema);
  const alternatives = [...Map.groupBy(explanation.alternatives, ({ verdict }) => verdict).values()].flatMap((alike) =>
    alike.slice(0, SHOWN_OF_VERDICT),
  );
  const shown = renderExplanation({ ...explanation, alternatives }, alternatives.length, terminal.style);
  const left = explanation.alternatives.length - alternatives.length;
  terminal.write(
    `Why there? ${shown}${left} more passed over for these reasons: "gpu-broker explain ${name}" lists them.\n`,
  );
}

/** The provider with the most H100 machines sells out of them, and one of the machines is lost. */
async function sufferShortage(rig: Rig, say: Say, terminal: Terminal): Promise<void> {
  const leases = (await allWorkloads(rig.api)).flatMap((workload) => workload.leases);
  const provider = mostUsed(leases.filter(({ accelerator }) => accelerator === ACCELERATOR_IN_SHORTAGE));
  if (provider === null) throw new Error(`No machine with ${ACCELERATOR_IN_SHORTAGE} runs; the story needs one`);
  const machines = await rig.control.machines({ state: 'running' });
  const victim = machines.find((machine) => isOn(machine, provider, leases));
  if (victim === undefined) throw new Error(`The emulated clouds know no running machine of ours on ${provider}`);
  const lastEvent = await followEvents(rig.api, 0, () => {}).tell();
  terminal.write('\n');
  say.step(`${provider} sells out of ${ACCELERATOR_IN_SHORTAGE} everywhere, and one of our machines there is lost`);
  await rig.control.setFree({ cloud: victim.pool.cloud, accelerator: ACCELERATOR_IN_SHORTAGE }, 0);
  await rig.control.lose(victim.serial);
  say.detail(`lost: ${victim.pool.instanceType} in ${victim.pool.zone} (the broker is not told)`);
  const costBefore = sumOf(leases);
  await untilChanged(rig, lastEvent, say);
  const after = (await untilSettled(rig, say, lastEvent)).flatMap((workload) => workload.leases);
  const change = sumOf(after) - costBefore;
  say.step(
    `Recovered: everything runs again, for ${dollarsOf(Math.abs(change))} $/h ${change < 0 ? 'less' : 'more'} than before`,
  );
}

/** Waits until the broker has noticed: an event after the given one. */
async function untilChanged(rig: Rig, after: number, say: Say): Promise<void> {
  const deadline = performance.now() + PLACED_WITHIN_MS;
  while ((await followEvents(rig.api, after, () => {}).tell()) === after) {
    if (performance.now() > deadline) throw new Error('The broker did not notice the lost machine in time');
    await sleep(250);
  }
  say.detail('noticed: a complete listing of the region lacks the machine');
}

function mostUsed(leases: readonly LeaseJson[]): string | null {
  const counts = new Map<string, number>();
  for (const { pool } of leases) counts.set(pool.provider, (counts.get(pool.provider) ?? 0) + 1);
  const [first] = [...counts].toSorted(([nameA, a], [nameB, b]) => b - a || (nameA < nameB ? -1 : 1));
  return first?.[0] ?? null;
}

function isOn(machine: MachineView, provider: string, leases: readonly LeaseJson[]): boolean {
  return (
    machine.pool.cloud === provider &&
    leases.some(
      ({ pool, accelerator }) =>
        accelerator === ACCELERATOR_IN_SHORTAGE &&
        pool.provider === provider &&
        pool.zone === machine.pool.zone &&
        pool.instanceType === machine.pool.instanceType,
    )
  );
}

function sumOf(leases: readonly LeaseJson[]): number {
  return leases.reduce((sum, { price }) => sum + price.microUsdPerHour, 0);
}

/** The emulated clouds are the judge: what exists there must be what the leases say. */
async function compareWithClouds(rig: Rig, say: Say): Promise<boolean> {
  const leases = (await allWorkloads(rig.api)).flatMap((workload) => workload.leases);
  const machines = (await rig.control.machines()).filter(({ state }) => state === 'running' || state === 'pending');
  const agreed = leases.length === machines.length && leases.every(({ state }) => state === 'ready');
  say.step(`The clouds hold ${machines.length} machines, the broker ${leases.length} leases`);
  return agreed;
}

async function keepRunning(rig: Rig, options: DemoOptions): Promise<void> {
  options.terminal.write(
    `\nThe broker listens on ${rig.url} (docs: docs/api.md). Try: GPU_BROKER_URL=${rig.url} bin/gpu-broker status\nCtrl-C stops it.\n`,
  );
  await options.stopAsked;
}
