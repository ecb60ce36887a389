-- Several policies in force side by side, plans that name all of them, the words that policies and workloads have gained, and budgets.

-- False = replaced by a later version, or its file went away. Until now the newest row was the only one in force.
alter table policy_versions add column in_force boolean not null default false;
update policy_versions set in_force = true where id = (select max(id) from policy_versions);
create unique index policy_versions_in_force on policy_versions (name) where in_force;

-- What a rule that older files could not state means when it is not stated.
update policy_versions set policy =
  '{"minProviderShare": 0, "egressMicroUsdPerGb": 90000}'::jsonb
  || (policy - 'surviveKeepShare')
  || jsonb_build_object(
    'maxShare', '{"market": null}'::jsonb || (policy -> 'maxShare'),
    'survive', case
      when policy ? 'survive' then policy -> 'survive'
      when policy -> 'surviveKeepShare' is null or policy -> 'surviveKeepShare' = 'null'::jsonb then '[]'::jsonb
      else jsonb_build_array(jsonb_build_object('loss', 'provider', 'keepShare', policy -> 'surviveKeepShare'))
    end,
    'relax', (
      select coalesce(
        jsonb_agg(case when rule = 'survive' then 'survive.provider' else rule end order by position),
        '[]'::jsonb
      )
      from jsonb_array_elements_text(policy -> 'relax') with ordinality as relaxed (rule, position)
    ),
    'rebalance', '{"moveCostMicroUsd": 500000}'::jsonb || (policy -> 'rebalance')
  );

update workloads set spec = '{"data": null, "isProtected": false}'::jsonb || spec;

-- A plan names every policy it was made under, with its version.
alter table plans add column policies jsonb;
update plans set policies = jsonb_build_array(jsonb_build_object('name', policy_name, 'version', policy_version));
alter table plans alter column policies set not null;
update plans set plan =
  jsonb_build_object(
    'releasedLeaseIds', '[]'::jsonb,
    'effectiveCostMicroUsdPerHour', plan -> 'costMicroUsdPerHour',
    'effectiveBoundMicroUsdPerHour', plan -> 'lowerBoundMicroUsdPerHour'
  )
  || plan
  || jsonb_build_object('rules', (
    select coalesce(
      jsonb_agg(
        jsonb_build_object('policy', policy_name)
        || used
        || case when used ->> 'rule' = 'survive' then '{"rule": "survive.provider"}'::jsonb else '{}'::jsonb end
        order by position
      ),
      '[]'::jsonb
    )
    from jsonb_array_elements(plan -> 'rules') with ordinality as uses (used, position)
  ));
alter table plans drop column policy_name;
alter table plans drop column policy_version;

-- Which teams have been told of in which month, so that each is told of once.
create table budget_alerts (
  team text not null,
  -- The first instant of the month, UTC.
  month timestamptz not null,
  alerted_at timestamptz not null,
  primary key (team, month)
);
