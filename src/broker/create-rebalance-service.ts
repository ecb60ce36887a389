import { getRebalance, listRebalances, type RebalanceRow } from '../store/rebalances.ts';
import { inTime, type StartDeadline, startAnalysisDeadline } from './analysis-deadline.ts';
import type { BrokerContext } from './context.ts';
import { isSettled, readPlanningView } from './placing.ts';
import { rebalanceOf } from './rebalance-figures.ts';
import type { RebalanceLook, RebalanceService, RebalanceView } from './rebalance-service.ts';
import { ALL_OFF, reasonText } from './rebalance-words.ts';
import { mayMove, type RebalancePlanner, withMovable } from './rebalancing.ts';
import { ServiceError } from './service.ts';

export function createRebalanceService(
  context: BrokerContext,
  analyst: RebalancePlanner,
  startDeadline: StartDeadline = startAnalysisDeadline,
): RebalanceService {
  const { database } = context.store;

  async function lookForRebalance(signal: AbortSignal): Promise<RebalanceLook> {
    const view = await readPlanningView(context);
    if (view === null)
      throw new ServiceError('not-ready', 'No policy is in force yet; put one into the policies directory');
    const input = withMovable(view.input);
    const mayAny = mayMove(input);
    const offer = mayAny
      ? await inTime(startDeadline, [signal, context.signal], 'try again when the broker has less to do', (until) =>
          analyst.rebalance(input, until),
        )
      : null;
    return {
      ...{ at: input.at, pays: offer?.pays ?? false, isSettled: isSettled(view), policies: view.policies },
      reason: mayAny ? reasonText(offer, input.workloads) : ALL_OFF,
      rebalance: offer === null ? null : rebalanceOf(input, offer),
      workloadNames: Object.fromEntries(view.workloads.map(({ id, spec }) => [id, spec.name])),
    };
  }

  return {
    listRebalances: async (filter, page) => {
      const rows = await listRebalances(database, filter, page);
      return { items: rows.items.map(rebalanceView), next: rows.next };
    },
    getRebalance: async (id) => {
      const row = await getRebalance(database, id);
      if (row !== null) return rebalanceView(row);
      const advice = 'list them with GET /v1/rebalances';
      throw new ServiceError('rebalance-not-found', `No rebalance has the id "${id}"; ${advice}`);
    },
    lookForRebalance,
  };
}

function rebalanceView(row: RebalanceRow): RebalanceView {
  const { fleetRevision: _revision, plannerVersion: _version, ...view } = row;
  return view;
}
