/** (cost, work) pairs: cost in price units times ticks, work in seconds. */
export interface Labels {
  size: number;
  costs: number[];
  works: number[];
}

export function emptyLabels(): Labels {
  return { size: 0, costs: [], works: [] };
}

export function pushLabel(labels: Labels, cost: number, work: number): void {
  labels.costs.push(cost);
  labels.works.push(work);
  labels.size += 1;
}

/** Pairs that no other pair beats: by cost upwards, each with more work than all cheaper ones. */
export function mergeLabels(sources: readonly Labels[]): Labels {
  const filled = sources.filter(({ size }) => size > 0);
  const all = emptyLabels();
  for (const { size, costs, works } of filled) {
    for (let i = 0; i < size; i++) pushLabel(all, costs[i] ?? 0, works[i] ?? 0);
  }
  const order = Array.from({ length: all.size }, (_, index) => index);
  order.sort((a, b) => (all.costs[a] ?? 0) - (all.costs[b] ?? 0) || (all.works[b] ?? 0) - (all.works[a] ?? 0));
  const front = emptyLabels();
  let most = -1;
  for (const index of order) {
    const work = all.works[index] ?? 0;
    if (work <= most + 1e-9) continue;
    most = work;
    pushLabel(front, all.costs[index] ?? 0, work);
  }
  return front;
}
