import { findAccelerator } from '../domain/accelerators.ts';
import type { AcceleratorChoice, WorkloadSpec } from '../domain/workload.ts';
import { type ConfigError, type ConfigResult, compareConfigErrors } from './config-error.ts';
import { API_VERSION, microUsdOf, providersMeant, usdOf } from './fields.ts';
import { type Issue, type IssueResult, valueIssue } from './issue.ts';
import { checkDocument } from './schema-issues.ts';
import { ACCELERATOR_TEXT, type WorkloadDocument, workloadSchema } from './workload-schema.ts';
import { parseYaml } from './yaml-source.ts';

/** Reads a file of one or more workloads (`---` between them). No two may share team and name. */
export function parseWorkloads(file: string, text: string): ConfigResult<readonly WorkloadSpec[]> {
  const sources = parseYaml(file, text);
  if (!sources.ok) return sources;
  const workloads: WorkloadSpec[] = [];
  const errors: ConfigError[] = [];
  const seen = new Set<string>();
  for (const source of sources.value) {
    const read = readWorkload(source.value);
    if (!read.ok) {
      errors.push(...source.locate(read.issues));
      continue;
    }
    const key = workloadKey(read.value);
    if (seen.has(key)) errors.push(...source.locate([duplicateName(read.value)]));
    seen.add(key);
    workloads.push(read.value);
  }
  return errors.length > 0
    ? { ok: false, errors: errors.toSorted(compareConfigErrors) }
    : { ok: true, value: workloads };
}

/** What makes a workload the same one when it is applied again: `team/name`. */
export function workloadKey({ team, name }: Pick<WorkloadSpec, 'team' | 'name'>): string {
  return `${team}/${name}`;
}

export function duplicateName(spec: WorkloadSpec): Issue {
  return valueIssue(['metadata', 'name'], `${spec.name} of team ${spec.team} stands here twice`);
}

/** Reads a workload document that is already plain data (JSON of a request, or one YAML document). */
export function readWorkload(document: unknown): IssueResult<WorkloadSpec> {
  const checked = checkDocument('Workload', workloadSchema, document);
  if (!checked.ok) return checked;
  const spec = specFrom(checked.value);
  const issues = workloadContradictions(spec);
  return issues.length > 0 ? { ok: false, issues } : { ok: true, value: spec };
}

function specFrom({ metadata, spec }: WorkloadDocument): WorkloadSpec {
  return {
    name: metadata.name,
    team: metadata.team,
    replicas: spec.replicas,
    accelerators: spec.accelerators.map(choiceFrom),
    markets: spec.markets,
    regions: spec.regions?.allow ?? null,
    providers: spec.providers,
    maxPriceMicroUsdPerHour: spec.maxPrice === null ? null : microUsdOf(spec.maxPrice.usdPerHour),
    keepShare: spec.keepShare,
    data: spec.data,
    isProtected: spec.protected,
    architecture: spec.architecture,
    priority: spec.priority,
    container: spec.container,
    userData: spec.userData,
  };
}

function choiceFrom(choice: WorkloadDocument['spec']['accelerators'][number]): AcceleratorChoice {
  if (typeof choice !== 'string') return { ...choice, accelerator: canonicalName(choice.accelerator) };
  const [, spelling = '', count = '1'] = ACCELERATOR_TEXT.exec(choice) ?? [];
  return { accelerator: canonicalName(spelling), count: Number(count), perMachine: null, throughput: 1 };
}

function canonicalName(spelling: string): string {
  const lookup = findAccelerator(spelling);
  return lookup.found ? lookup.accelerator.name : spelling;
}

/** Wishes that no offer can meet, whatever the clouds have. */
function workloadContradictions(spec: WorkloadSpec): Issue[] {
  const issues: Issue[] = [];
  if (spec.container !== null && spec.userData !== null) {
    issues.push(valueIssue(['spec', 'userData'], 'a container is given as well; a workload boots one or the other'));
  }
  for (const [index, { accelerator, count, perMachine }] of spec.accelerators.entries()) {
    const path = ['spec', 'accelerators', index];
    const first = spec.accelerators.findIndex(
      (other) => other.accelerator === accelerator && other.count === count && other.perMachine === perMachine,
    );
    if (first < index) issues.push(valueIssue(path, `${accelerator}:${count} is an alternative already`));
    if (perMachine !== null && count > perMachine && count % perMachine !== 0) {
      const message = `${perMachine} does not divide ${count}: a gang takes whole machines`;
      issues.push(valueIssue([...path, 'perMachine'], message));
    }
  }
  const regionProviders = spec.regions?.flatMap((pattern) => [...providersMeant(pattern)]) ?? null;
  const reachable = spec.providers?.filter((id) => regionProviders?.includes(id) ?? true) ?? regionProviders;
  if (reachable !== null && reachable.length === 0) {
    issues.push(
      valueIssue(
        ['spec', 'regions', 'allow'],
        `names no region of ${spec.providers?.join(', ')}, the providers allowed`,
      ),
    );
  } else if (reachable !== null && new Set(reachable).size === 1 && (spec.keepShare ?? 0) > 0 && spec.replicas > 1) {
    issues.push(
      valueIssue(
        ['spec', 'keepShare'],
        `${spec.keepShare} cannot be kept: only ${reachable[0]} is allowed, and nothing outlives its loss`,
      ),
    );
  }
  return issues;
}

/** The document that reads back as this workload, with every default written out. */
export function workloadDocument(spec: WorkloadSpec): WorkloadDocument {
  const { name, team, regions, providers, maxPriceMicroUsdPerHour: maxPrice } = spec;
  return {
    apiVersion: API_VERSION,
    kind: 'Workload',
    metadata: { name, team },
    spec: {
      replicas: spec.replicas,
      accelerators: spec.accelerators.map((choice) => ({ ...choice })),
      markets: [...spec.markets],
      regions: regions === null ? null : { allow: [...regions] },
      providers: providers === null ? null : [...providers],
      maxPrice: maxPrice === null ? null : { usdPerHour: usdOf(maxPrice) },
      keepShare: spec.keepShare,
      data: spec.data === null ? null : { ...spec.data },
      protected: spec.isProtected,
      architecture: spec.architecture,
      priority: spec.priority,
      container:
        spec.container === null
          ? null
          : { image: spec.container.image, command: [...spec.container.command], env: { ...spec.container.env } },
      userData: spec.userData,
    },
  };
}
