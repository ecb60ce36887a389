import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { curveSchema, policyExplanationSchema, riskSchema } from '../../api/resources/analysis.ts';
import { pageSchema } from '../../api/resources/common.ts';
import { fleetSchema } from '../../api/resources/fleet.ts';
import { policyStateSchema } from '../../api/resources/policy.ts';
import { planRecordSchema, type ReplayJson, replayJson, replaySchema } from '../../api/resources/replay.ts';
import { DIVERSIFICATION_RULES } from '../../domain/policy.ts';
import type { ApiClient } from '../api-client.ts';
import { CliError, EXIT } from '../cli-error.ts';
import { type CliOptions, contextOf } from '../command-context.ts';
import { renderCurve, renderPolicyExplanation, renderReplay, renderRisk } from '../tables/analysis.ts';

const unpack = promisify(gunzip);
const policyPageSchema = pageSchema(policyStateSchema, 'PolicyPage');

export function addRisk(program: Command, cli: CliOptions): void {
  program
    .command('risk')
    .description('show what the fleet would lose with each provider and region, and what each workload would keep')
    .argument('[plan]', 'id of a plan; the newest by default')
    .action(async (plan: string | undefined, _options: object, command: Command) => {
      const { client, print, terminal } = contextOf(command, cli);
      const id = plan ?? (await newestPlan(client));
      const risk = await client.get(`v1/plans/${encodeURIComponent(id)}/risk`, riskSchema);
      print(risk, () => renderRisk(risk, terminal.style));
    });
}

async function newestPlan(client: ApiClient): Promise<string> {
  const { latestPlan } = await client.get('v1/fleet', fleetSchema);
  if (latestPlan !== null && latestPlan.id !== null) return latestPlan.id;
  throw new CliError(EXIT.failed, 'Nothing has been planned yet', 'Apply a workload first: "gpu-broker apply -f …".');
}

export function addReplay(program: Command, cli: CliOptions): void {
  program
    .command('replay')
    .description('make a plan again from its stored input and compare byte for byte; ends with 1 where they differ')
    .argument('[plan]', 'id of the plan')
    .option('--file <file>', 'a downloaded record (GET /v1/plans/{id}/input) instead, packed or not; needs no broker')
    .action(async (plan: string | undefined, { file }: { readonly file?: string }, command: Command) => {
      const { client, print, terminal } = contextOf(command, cli);
      const replay = await replayOf(plan, file, client, cli);
      print(replay, () => renderReplay(replay, terminal.style));
      if (replay.isEqual) return;
      throw new CliError(EXIT.failed, 'The plan made again is not the recorded one', adviceOn(replay));
    });
}

async function replayOf(
  plan: string | undefined,
  file: string | undefined,
  client: ApiClient,
  cli: CliOptions,
): Promise<ReplayJson> {
  if ((plan === undefined) === (file === undefined))
    throw new CliError(EXIT.usage, 'Name one plan, or one file with --file', '"gpu-broker replay --help" shows how.');
  if (file !== undefined) return replayJson(await replayFile(file, cli));
  return client.post(`v1/plans/${encodeURIComponent(plan ?? '')}/replay`, replaySchema, {});
}

function adviceOn({ recordedVersion, plannerVersion }: ReplayJson): string {
  return recordedVersion === plannerVersion
    ? 'The same version made both: please report it, with the record (GET /v1/plans/{id}/input).'
    : `Another version made the plan (${recordedVersion ?? 'unknown'}): a difference need not be a fault.`;
}

async function replayFile(file: string, cli: CliOptions) {
  const text = await recordText(file);
  try {
    return await cli.replayRecord(text);
  } catch (error) {
    if (error instanceof CliError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(EXIT.failed, `The plan in ${file} cannot be made again: ${reason}`, NOT_A_RECORD);
  }
}

const NOT_A_RECORD = 'Download the record anew: GET /v1/plans/{id}/input with "Accept: application/gzip".';

/** The JSON of a record, packed or not. */
async function recordText(file: string): Promise<string> {
  let text: string;
  try {
    const bytes = await readFile(file);
    text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? await unpack(bytes) : bytes).toString('utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(EXIT.usage, `${file} cannot be read: ${reason}`, NOT_A_RECORD);
  }
  let parsed: unknown = null;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new CliError(EXIT.usage, `${file} is not JSON`, NOT_A_RECORD);
  }
  const checked = planRecordSchema.safeParse(parsed);
  if (checked.success) return text;
  const [issue] = checked.error.issues;
  const where = issue === undefined ? '' : ` (${issue.path.join('.') || 'document'}: ${issue.message})`;
  throw new CliError(EXIT.usage, `${file} is not the record of a plan${where}`, NOT_A_RECORD);
}

const KEEP_LEASES = ['--keep-leases', 'leave running machines where they are, instead of planning afresh'] as const;

export function addPolicyAnalyses(policy: Command, cli: CliOptions): void {
  policy
    .command('explain')
    .description('show what the policy and each of its rules cost, and which rules are in each other’s way')
    .argument('[name]', 'name of the policy; the one in force by default')
    .option(...KEEP_LEASES, false)
    .action(async (given: string | undefined, { keepLeases }: { readonly keepLeases: boolean }, command: Command) => {
      const { client, print, terminal } = contextOf(command, cli);
      const name = given ?? (await policyInForce(client));
      const path = `v1/policies/${encodeURIComponent(name)}/explain?keepLeases=${keepLeases}`;
      const explanation = await client.post(path, policyExplanationSchema, {});
      print(explanation, () => renderPolicyExplanation(explanation, terminal.style));
    });
  policy
    .command('curve')
    .description('show the cost of the fleet as a function of one limit')
    .addOption(
      new Option('--rule <rule>', 'the rule whose limit moves').choices(DIVERSIFICATION_RULES).makeOptionMandatory(),
    )
    .option('--policy <name>', 'name of the policy; the one in force by default')
    .addOption(
      new Option('--limits <numbers...>', 'limits to show: shares, or counts for minProviders').argParser(limit),
    )
    .option(...KEEP_LEASES, false)
    .action(async (options: CurveOptions, command: Command) => {
      const { client, print, terminal } = contextOf(command, cli);
      const name = options.policy ?? (await policyInForce(client));
      const path = `v1/policies/${encodeURIComponent(name)}/premium-curve?keepLeases=${options.keepLeases}`;
      const { rule, limits } = options;
      const curve = await client.post(path, curveSchema, limits === undefined ? { rule } : { rule, limits });
      print(curve, () => renderCurve(curve, terminal.style));
    });
}

interface CurveOptions {
  readonly rule: string;
  readonly policy?: string;
  readonly limits?: readonly number[];
  readonly keepLeases: boolean;
}

/** `0.5`, `50%`, or a count. */
function limit(text: string, before: readonly number[] = []): readonly number[] {
  const [, figure = '', percent = ''] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  if (figure === '') throw new InvalidArgumentError('Write shares as 0.5 or 50%, or a whole number for minProviders.');
  return [...before, percent === '' ? Number(figure) : Number(figure) / 100];
}

/** The one policy there is. With several, one must be named. */
async function policyInForce(client: ApiClient): Promise<string> {
  const { items } = await client.get('v1/policies', policyPageSchema);
  const [only, ...others] = items;
  if (only !== undefined && others.length === 0) return only.name;
  const names = items.map(({ name }) => name).join(', ');
  throw new CliError(EXIT.usage, `name the policy that is meant; in force are ${names}`);
}
