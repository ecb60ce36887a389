import type {
  CurveJson,
  FiguresJson,
  FleetLossJson,
  PolicyExplanationJson,
  RiskJson,
  WorkloadRiskJson,
} from '../../api/resources/analysis.ts';
import type { RateJson } from '../../api/resources/common.ts';
import type { ReplayJson } from '../../api/resources/replay.ts';
import type { Style } from '../terminal.ts';
import { clean, dollars, moment, percent, renderFacts, renderTable } from './table.ts';

const BAR_WIDTH = 24;
/** Plans are exact to this share of their cost. */
const LEAST_SEEN = 1e-4;
/** Names of workloads in one cell; how many more there are is told. */
const MOST_NAMES = 3;

/** What the fleet would lose with each provider and region, and what each workload would keep. */
export function renderRisk(risk: RiskJson, style: Style): string {
  return [
    `${style.strong('RISK')}  of the fleet that plan ${risk.planId} led to, ${moment(risk.createdAt)} UTC\n`,
    renderLosses('PROVIDER LOST', risk.providers, style),
    renderLosses('REGION LOST', risk.regions, style),
    renderSurvival(risk.workloads, style),
  ].join('\n');
}

function renderLosses(title: string, losses: readonly FleetLossJson[], style: Style): string {
  const columns = [
    { title },
    { title: '$/H', align: 'right' },
    { title: 'SPEND', align: 'right' },
    { title: 'ACCELERATORS', align: 'right' },
    { title: 'REPLICAS', align: 'right' },
    { title: 'WHOLLY DOWN' },
  ] as const;
  const rows = losses.map(({ lost, spend, spendShare, acceleratorCount, lostReplicas, workloadsDown }) => [
    lost,
    dollars(spend),
    percent(spendShare),
    String(acceleratorCount),
    String(lostReplicas),
    workloadsDown.length === 0 ? style.good('none') : style.bad(names(workloadsDown)),
  ]);
  return renderTable(columns, rows, style, 'Nothing runs.');
}

function names(workloads: FleetLossJson['workloadsDown']): string {
  const first = workloads.slice(0, MOST_NAMES).map(({ workloadName }) => workloadName);
  const more = workloads.length - first.length;
  return `${workloads.length}: ${first.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function renderSurvival(workloads: readonly WorkloadRiskJson[], style: Style): string {
  const columns = [
    { title: 'WORKLOAD' },
    { title: 'STANDING', align: 'right' },
    { title: 'WORST PROVIDER' },
    { title: 'KEEPS', align: 'right' },
    { title: 'WORST REGION' },
    { title: 'KEEPS', align: 'right' },
  ] as const;
  const rows = workloads.map(({ workloadName, replicasStanding, replicasAsked, worstProvider, worstRegion }) => [
    workloadName,
    `${replicasStanding}/${replicasAsked}`,
    worstProvider?.lost ?? '-',
    kept(worstProvider, style),
    worstRegion?.lost ?? '-',
    kept(worstRegion, style),
  ]);
  return renderTable(columns, rows, style, 'There are no workloads.');
}

function kept(loss: WorkloadRiskJson['worstProvider'], style: Style): string {
  if (loss === null) return '-';
  const text = `${loss.keptReplicas} (${percent(loss.keptShare)})`;
  return loss.keptReplicas === 0 ? style.bad(text) : text;
}

/** What a policy and each of its rules cost, and which rules are in each other's way. */
export function renderPolicyExplanation(explanation: PolicyExplanationJson, style: Style): string {
  const { policy, withRules, withoutRules, conflict } = explanation;
  return [
    `${style.strong(`POLICY ${policy}`)}  ${basis(explanation.keepsLeases)}\n${renderFacts([
      ['with its rules', `${dollars(withRules.cost)} $/h`, replicas(withRules)],
      ['without', `${dollars(withoutRules.cost)} $/h`, replicas(withoutRules)],
      ['premium', premiumText(explanation.premium), shareText(explanation.premiumShare)],
      ['an hour of work', premiumText(explanation.effectivePremium), workText(explanation)],
    ])}`,
    renderRulePremiums(explanation, style),
    ...(explanation.marginals.length === 0 ? [] : [renderMarginals(explanation, style)]),
    ...(conflict === null ? [] : [renderConflict(conflict, style)]),
  ].join('\n');
}

function basis(keepsLeases: boolean): string {
  return keepsLeases ? 'running machines stay where they are' : 'the whole fleet planned afresh, as if nothing ran';
}

function replicas({ placedReplicas, heldReplicas, status }: FiguresJson): string {
  const held = heldReplicas === 0 ? '' : `, ${heldReplicas} held`;
  return `${placedReplicas} replicas placed${held}${status === 'feasible' ? ' (limit on work reached)' : ''}`;
}

function premiumText(premium: RateJson | null): string {
  return premium === null ? 'unknown' : `${dollars(premium)} $/h`;
}

function shareText(share: number | null): string {
  return share === null ? 'fewer replicas are placed: the two costs are of different fleets' : percent(share);
}

function workText({ effectivePremiumShare, withRules, withoutRules }: PolicyExplanationJson): string {
  const costs = `effective cost ${dollars(withRules.effectiveCost)} $/h over ${dollars(withoutRules.effectiveCost)} $/h`;
  return effectivePremiumShare === null ? costs : `${percent(effectivePremiumShare)}: ${costs}`;
}

function renderRulePremiums({ rules }: PolicyExplanationJson, style: Style): string {
  const columns = [
    { title: 'RULE' },
    { title: 'LIMIT', align: 'right' },
    { title: 'COSTS $/H', align: 'right' },
    { title: 'SHARE', align: 'right' },
    { title: 'FOR WORK', align: 'right' },
    { title: 'SHARE', align: 'right' },
    { title: 'AT ITS LIMIT' },
  ] as const;
  const rows = rules.map((premium) => [
    premium.rule,
    limitText(premium.rule, premium.limit),
    premium.premium === null ? style.warning('holds') : dollars(premium.premium),
    share(premium.premiumShare),
    premium.effectivePremium === null ? '-' : dollars(premium.effectivePremium),
    share(premium.effectivePremiumShare),
    atLimit(premium, style),
  ]);
  return renderTable(columns, rows, style, 'The policy has no diversification rule.');
}

/** What one more point of each limit would save. */
function renderMarginals({ marginals }: PolicyExplanationJson, style: Style): string {
  const columns = [
    { title: 'ONE POINT MORE OF' },
    { title: 'FOR' },
    { title: 'LIMIT', align: 'right' },
    { title: 'SAVES $/H OF WORK', align: 'right' },
  ] as const;
  const rows = marginals.map(({ rule, subject, limit, savedPerPoint }) => [
    rule,
    subject === '' ? 'the fleet' : subject,
    limitText(rule, limit),
    dollars(savedPerPoint),
  ]);
  return renderTable(columns, rows, style, '');
}

function share(value: number | null): string {
  return value === null ? '-' : percent(value);
}

function atLimit({ enforced, binding }: PolicyExplanationJson['rules'][number], style: Style): string {
  if (!enforced) return style.dim('not enforced');
  const subjects = binding.map(({ subject }) => (subject === '' ? 'the fleet' : subject));
  const more = subjects.length - MOST_NAMES;
  return `${subjects.slice(0, MOST_NAMES).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function renderConflict(conflict: NonNullable<PolicyExplanationJson['conflict']>, style: Style): string {
  const { rules, relaxations } = conflict;
  const together = rules.length === 1 ? 'by itself leaves' : 'together leave';
  const columns = [
    { title: 'GIVING UP' },
    { title: 'PLACES', align: 'right' },
    { title: 'HELD', align: 'right' },
    { title: '$/H', align: 'right' },
  ] as const;
  const rows = relaxations.map(({ rule, gainedReplicas, heldReplicas, cost }) => [
    rule,
    gainedReplicas > 0 ? style.good(`+${gainedReplicas}`) : String(gainedReplicas),
    String(heldReplicas),
    dollars(cost),
  ]);
  const title = `${style.bad('CONFLICT')}  ${rules.join(', ')} ${together} replicas without a place\n`;
  return `${title}${renderTable(columns, rows, style, '')}`;
}

function limitText(rule: string, limit: number): string {
  if (rule === 'minProviders') return String(limit);
  return rule === 'maxConcentration' ? limit.toFixed(3) : percent(limit);
}

/** Cost as a function of one limit: a bar for each premium of effective cost, the longest the dearest. */
export function renderCurve(curve: CurveJson, style: Style): string {
  const dearest = Math.max(0, ...curve.points.map((point) => point.effectivePremium?.microUsdPerHour ?? 0));
  const columns = [
    { title: 'LIMIT', align: 'right' },
    { title: '$/H', align: 'right' },
    { title: 'PREMIUM', align: 'right' },
    { title: 'FOR WORK', align: 'right' },
    { title: '' },
    { title: '' },
  ] as const;
  const rows = curve.points.map((point) => [
    limitText(curve.rule, point.limit),
    dollars(point.cost),
    added(point.premiumShare),
    added(point.effectivePremiumShare),
    barOf(point, dearest, style),
    remarks(point, style),
  ]);
  const { baseline } = curve;
  return [
    `${style.strong(curve.rule)}  of policy ${curve.policy}; ${basis(curve.keepsLeases)}\n${renderFacts([
      ['without the rule', `${dollars(baseline.cost)} $/h`, replicas(baseline)],
    ])}`,
    renderTable(columns, rows, style, 'There are no limits to show.'),
  ].join('\n');
}

function added(premiumShare: number | null): string {
  return premiumShare === null ? '-' : `+${percent(premiumShare)}`;
}

function barOf(
  { effectivePremium: premium, effectivePremiumShare }: CurveJson['points'][number],
  dearest: number,
  style: Style,
): string {
  if (premium === null) return style.dim('·'.repeat(BAR_WIDTH));
  const part = dearest === 0 ? 0 : premium.microUsdPerHour / dearest;
  // What costs anything beyond the gap of the plans is seen.
  const least = (effectivePremiumShare ?? 0) > LEAST_SEEN ? 1 : 0;
  return '█'.repeat(Math.max(least, Math.round(part * BAR_WIDTH)));
}

function remarks(
  { heldReplicas, placedReplicas, isCurrent, status, premium }: CurveJson['points'][number],
  style: Style,
): string {
  const asked = heldReplicas + placedReplicas;
  return [
    ...(heldReplicas > 0 && premium === null ? [style.bad(`${heldReplicas} of ${asked} replicas held`)] : []),
    ...(heldReplicas > 0 && premium !== null
      ? [`${heldReplicas} of ${asked} replicas held, with the rule or without`]
      : []),
    ...(status === 'feasible' ? ['limit on work reached'] : []),
    ...(isCurrent ? [style.strong('◀ in force')] : []),
  ].join('; ');
}

/** Whether a plan made again is the recorded one; else where the two differ. */
export function renderReplay(replay: ReplayJson, style: Style): string {
  const { planId, isEqual, recordedVersion, plannerVersion, seed, differences, differenceCount } = replay;
  const count = differenceCount === 1 ? '1 difference' : `${differenceCount} differences`;
  const verdict = isEqual ? style.good('equal, byte for byte') : style.bad(count);
  const sameVersion = recordedVersion === plannerVersion;
  const facts = renderFacts([
    ['recorded by', '', recordedVersion ?? 'a version from before versions were kept'],
    ['made again by', '', sameVersion ? 'the same' : style.warning(plannerVersion)],
    ['seed', '', String(seed)],
  ]);
  const head = `${style.strong('REPLAY')}  plan ${planId}: ${verdict}\n${facts}`;
  if (isEqual) return head;
  const columns = [{ title: 'WHERE' }, { title: 'RECORDED' }, { title: 'MADE AGAIN' }] as const;
  const rows = differences.map(({ pointer, recorded, replayed }) => [pointer, short(recorded), short(replayed)]);
  const more = differenceCount - differences.length;
  const rest = more > 0 ? `and ${more} more\n` : '';
  return `${head}\n${renderTable(columns, rows, style, '')}${rest}`;
}

const WIDEST = 40;

function short(json: string | null): string {
  if (json === null) return '-';
  return clean(json.length <= WIDEST ? json : `${json.slice(0, WIDEST - 1)}…`);
}
