import { parseArgs } from 'node:util';
import { PLANTED } from './planted/bugs.ts';
import { findPlanted } from './planted/find.ts';
import { runSeeds } from './pool.ts';
import { runStory } from './run.ts';
import { drawStory } from './story.ts';
import { addResult, emptyTotals, tellFailure, tellTotals } from './tell.ts';
import { prepareRuns } from './worker.ts';

const USAGE = `npm run simulate -- [options]
  --seeds N          run N seeds (default 100)
  --from S           beginning with this one (default 1)
  --workers N        processes side by side (default 2)
  --json             one JSON document with the sums and every violation
  --seed S           replay one seed; its hash is printed
  --acts a1,w0       replay only these acts of it (none = no act)
  --verbose          with every call and act of the replay
  --planted          show that each of the ${PLANTED.length} planted bugs is found within 200 seeds`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
    seed: { type: 'string' },
    acts: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    planted: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function whole(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(`--${name} takes a whole number ≥ 0, not "${text}"`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function replay(seed: number): Promise<boolean> {
  const drawn = drawStory(seed);
  const only = values.acts?.split(',') ?? null;
  const unknown = (only ?? []).filter(
    (id) => id !== 'none' && id !== 'farewell' && !drawn.acts.some((act) => act.id === id),
  );
  if (unknown.length > 0) throw new RangeError(`seed ${seed} has no act ${unknown.join(', ')}`);
  const story =
    only === null
      ? drawn
      : {
          ...drawn,
          acts: drawn.acts.filter(({ id }) => only.includes(id)),
          farewell: only.includes('farewell') ? drawn.farewell : null,
        };
  const result = await runStory(story, { ...(await prepareRuns()), keepsLines: values.verbose });
  for (const line of result.lines) print(line);
  print(tellFailure(story, result, drawn.acts.length));
  print(`  trace ${result.hash}`);
  return result.violation === null;
}

async function simulate(): Promise<boolean> {
  const [from, count] = [whole('from', values.from), whole('seeds', values.seeds)];
  const startedAt = performance.now();
  const totals = emptyTotals();
  const failures: string[] = [];
  await runSeeds({
    seeds: Array.from({ length: count }, (_, index) => from + index),
    workers: Math.max(1, whole('workers', values.workers)),
    shrinks: true,
    onReport: (report) => {
      addResult(totals, report);
      if (report.violation !== null) {
        failures.push(report.story ?? report.violation);
        if (!values.json) print(`${report.story}\n`);
      }
      if (!values.json && totals.seeds % 50 === 0) process.stderr.write(`${totals.seeds} of ${count} seeds\n`);
      return false;
    },
  });
  const wallMs = performance.now() - startedAt;
  const { seeds, failed, simulatedMs, counts } = totals;
  const sums = { seeds, failed, simulatedHours: simulatedMs / 3_600_000, wallSeconds: wallMs / 1000 };
  print(
    values.json
      ? JSON.stringify({ ...sums, counts: Object.fromEntries(counts), failures }, null, 2)
      : tellTotals(totals, wallMs),
  );
  return failed === 0;
}

async function planted(): Promise<boolean> {
  let found = 0;
  for (const bug of PLANTED) {
    const finding = await findPlanted(bug, { most: 200, workers: whole('workers', values.workers) });
    if (finding !== null) found += 1;
    print(
      finding === null
        ? `NOT FOUND  ${bug.name}`
        : `found by seed ${finding.seed} (${finding.tried} tried)  ${bug.name}: ${finding.violation}`,
    );
  }
  print(`${found} of ${PLANTED.length} planted bugs found`);
  return found === PLANTED.length;
}

async function main(): Promise<boolean> {
  if (values.help) {
    print(USAGE);
    return true;
  }
  if (values.planted) return planted();
  return values.seed === undefined ? simulate() : replay(whole('seed', values.seed));
}

process.exit((await main()) ? 0 : 1);
