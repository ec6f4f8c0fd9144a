{% set rules = stream('protected_branches', 'project_id:integer id:integer name:text
  push_access_levels:json merge_access_levels:json') %}
with entries as (
  select rules.project_id, rules.id as rule_id, rules.name as branch, 'push' as action, listed.item
  from {{ rules }} as rules cross join lateral {{ json_items('rules.push_access_levels') }} as listed
  union all
  select rules.project_id, rules.id, rules.name, 'merge', listed.item
  from {{ rules }} as rules cross join lateral {{ json_items('rules.merge_access_levels') }} as listed
)
select project_id, rule_id, branch, action, {{ json_integer('item', 'access_level') }} as access_level,
  {{ json_integer('item', 'user_id') }} as user_id, {{ json_integer('item', 'group_id') }} as group_id,
  {{ json_integer('item', 'deploy_key_id') }} as deploy_key_id,
  {{ json_text('item', 'access_level_description') }} as description
from entries
