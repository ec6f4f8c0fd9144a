{#- Deployments to production: by the tier of the environment, else by its name as GitLab guesses it.

    They come from a macro so that what can do without deployments does not need the view. -#}
{% macro deployments_to_production() -%}
{%- set name = "lower(coalesce(deployments.environment_name, ''))" -%}
select deployments.id as deployment_id, deployments.project_id, deployments.environment_id,
  deployments.environment_name, deployments.ref, deployments.sha, deployments.status,
  deployments.created_at,
  case when deployments.status in ('success', 'failed', 'canceled') then coalesce(
    {{ json_time('deployments.deployable', 'finished_at') }}, deployments.updated_at
  ) end as finished_at
from {{ stream('deployments', 'id:integer project_id:integer environment_id:integer
  environment_name:text ref:text sha:text status:text created_at:time updated_at:time
  deployable:json') }} as deployments
left join {{ stream('environments', 'id:integer tier:text') }} as environments
  on environments.id = deployments.environment_id
where coalesce(environments.tier, case
  {%- for part in ['dev', 'review', 'trunk', 'test', 'tst', 'int', 'acpt', 'accept', 'qa', 'qc',
                   'control', 'quality', 'stg', 'stag', 'mod', 'pre', 'demo', 'non'] %}
  {{ 'when' if loop.first else 'or' }} {{ name }} like '%{{ part }}%'
  {%- endfor %} then 'other'
  when {{ name }} like '%prod%' or {{ name }} like '%prd%' or {{ name }} like '%live%' then 'production'
  else 'other' end) = 'production'
{%- endmacro %}
