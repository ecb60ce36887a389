/** A bug that people have made in such programs, put into the broker as it is loaded: nothing in `src` changes. */
export interface PlantedBug {
  readonly name: string;
  /** Why it is a bug: what goes wrong, and when. */
  readonly why: string;
  /** Replacements of text that occurs exactly once in its file (under `src`). */
  readonly edits: readonly { readonly file: string; readonly from: string; readonly to: string }[];
}

export const PLANTED: readonly PlantedBug[] = [
  {
    name: 'send before write',
    why: 'a crash between the launch and its record leaves a machine that nobody knows of',
    edits: [
      {
        file: 'broker/launching.ts',
        from: '  const written = await context.store.transaction((transaction) => writeAttempt(transaction, lease, attempt));\n',
        to: `  await callProvider(context, MUTATION_LIMITS, (call) =>
    provider.launch(
      {
        owner: context.settings.owner,
        idempotencyKey: attempt.id,
        resend: false,
        pool: attempt.pool,
        accelerator: lease.accelerator,
        count: 1,
        tags: attempt.parameters.tags,
        userData: null,
      },
      call,
    ),
  ).catch(() => {});
  const written = await context.store.transaction((transaction) => writeAttempt(transaction, lease, attempt));
`,
      },
    ],
  },
  {
    name: 'new key on retry',
    why: 'after a lost reply the second launch is another one to the cloud, and the first machine runs on unknown',
    edits: [
      {
        file: 'broker/launching.ts',
        from: '    idempotencyKey: attempt.id,\n',
        to: "    idempotencyKey: sending === 'again' ? context.newId() : attempt.id,\n",
      },
    ],
  },
  {
    name: 'partial list taken as gone',
    why: 'a page that is missing makes healthy machines look lost, and work is thrown away',
    edits: [
      {
        file: 'broker/reconcile.ts',
        from: '      complete.has(lease.pool.region) &&\n',
        to: '      (complete.has(lease.pool.region) || true) &&\n',
      },
      {
        file: 'broker/reconcile.ts',
        from: '  for (const lease of doubted) await wakeLease(context.store.database, lease.id, context.clock.now());\n',
        to: `  for (const lease of doubted) {
    await wakeLease(context.store.database, lease.id, context.clock.now());
    await context.store.database
      .updateTable('leases')
      .set({ taken: true, wanted: false, unwanted_reason: 'not listed' })
      .where('id', '=', lease.id)
      .execute();
  }
`,
      },
    ],
  },
  {
    name: 'sweep without grace',
    why: 'a machine that somebody has just made, and not yet written down where we look, is taken for an orphan',
    edits: [
      {
        file: 'broker/leftovers.ts',
        from: '  if (seenAt - since < waitSeconds * 1000) return false;\n',
        to: '  if (seenAt - since < 0 * waitSeconds) return false;\n',
      },
    ],
  },
  {
    name: 'stale lock writes',
    why: 'a worker that lost its lease to another writes an old outcome over the new one',
    edits: [
      {
        file: 'store/lease-work.ts',
        from: "    .where('lock_token', '=', token)\n    .where('state', '=', from)\n",
        to: '',
      },
    ],
  },
  {
    name: 'caps forgotten',
    why: 'a plan that breaks the shares that the operator allows puts the fleet into the hands of one provider',
    edits: [
      {
        file: 'planning/rules.ts',
        from: '    if (limit !== null) caps.push({ rule, scope, limit });\n',
        to: '    if (limit !== null) caps.push({ rule, scope, limit: 1 });\n',
      },
    ],
  },
  {
    name: 'half a gang bought',
    why: 'a replica whose machines are not all there does no work and costs money',
    edits: [
      {
        file: 'broker/placing.ts',
        from: '  return plan.machines.map((machine) => ({\n',
        to: '  return plan.machines.filter(({ part }) => part === 0).map((machine) => ({\n',
      },
    ],
  },
  {
    name: 'spent money forgotten',
    why: 'what a team has spent this month is gone: its budget would be spent again and again',
    edits: [
      {
        file: 'broker/budgets.ts',
        from: '    limitMicroUsdPerHour: affordableRate(limitMicroUsd, spentInMonth(usesOf(team), at), at),\n',
        to: '    limitMicroUsdPerHour: affordableRate(limitMicroUsd, 0 * spentInMonth(usesOf(team), at), at),\n',
      },
    ],
  },
];
