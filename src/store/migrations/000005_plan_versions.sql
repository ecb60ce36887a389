-- What made a plan, so that making it again can be judged.

-- Null for plans that were stored before versions were kept.
alter table plans add column planner_version text;
-- The solver's random seed.
alter table plans add column seed integer not null default 0;
