import type { PolicyJson } from '../../api/resources/policy.ts';
import type { Style } from '../terminal.ts';
import { clean, moment, renderTable } from './table.ts';

/** The policies in force, a line each; then what was refused since. */
export function renderPolicies(policies: readonly PolicyJson[], style: Style): string {
  const columns = [
    { title: 'POLICY' },
    { title: 'VERSION', align: 'right' },
    { title: 'LOADED' },
    { title: 'TEAMS' },
    { title: 'MEASURE' },
  ] as const;
  const rows = policies.map(({ name, version, loadedAt, document: { spec } }) => [
    name,
    String(version),
    moment(loadedAt),
    spec.appliesTo.teams.join(', '),
    spec.diversification.measure,
  ]);
  const refused = refusals(policies).map((error) => `${style.bad('refused')}  ${error}\n`);
  return (
    renderTable(columns, rows, style, 'No policy is in force.') + (refused.length > 0 ? `\n${refused.join('')}` : '')
  );
}

/** As the operator wrote them, as documents of one YAML text. */
export function renderSources(policies: readonly PolicyJson[], style: Style): string {
  const refused = refusals(policies)
    .map((error) => `# ${style.bad('a newer file was refused')}: ${error}\n`)
    .join('');
  return policies
    .map(({ name, version, source }) => `# policy ${name}, version ${version}\n${refused}${source}`)
    .join('---\n');
}

/** Each error once: policy files are refused together, so that every policy tells the same. */
function refusals(policies: readonly PolicyJson[]): string[] {
  return [...new Set(policies.flatMap(({ rejected }) => rejected.map(clean)))];
}
