{#- Issues that are incidents. They come from a macro so that DORA's other metrics need no issues. -#}
{% macro reported_incidents() -%}
select id as incident_id, project_id, iid as issue_iid, title, severity, created_at, closed_at,
  {{ hours('created_at', 'closed_at') }} as restore_hours
from {{ stream('issues', 'id:integer project_id:integer iid:integer title:text severity:text
  issue_type:text created_at:time closed_at:time') }} as issues
where issue_type = 'incident'
{%- endmacro %}

{#- The four metrics by project and `period`, which is `utc_day` or `utc_month`, as GitLab counts them
    (https://docs.gitlab.com/user/analytics/dora_metrics/). -#}
{% macro dora(period, name) -%}
with deployments as (
  select project_id, {{ period('finished_at') }} as period, count(*) as deployments
  from {{ ref('production_deployments') }} as finished
  where status = 'success'
  group by project_id, {{ period('finished_at') }}
),
changes as (
  select project_id, {{ period('deployed_at') }} as period,
    {{ percentile(0.5, seconds('merged_at', 'deployed_at')) }} as lead_time
  from {{ ref('merge_request_cycle_time') }} as changed
  where deployed_at is not null
  group by project_id, {{ period('deployed_at') }}
),
incidents as ({{ reported_incidents() }}),
opened as (
  select project_id, {{ period('created_at') }} as period, count(*) as incidents
  from incidents
  group by project_id, {{ period('created_at') }}
),
restored as (
  select project_id, {{ period('closed_at') }} as period,
    {{ percentile(0.5, seconds('created_at', 'closed_at')) }} as time_to_restore
  from incidents
  where closed_at is not null
  group by project_id, {{ period('closed_at') }}
),
periods as (
  select project_id, period from deployments
  union select project_id, period from changes
  union select project_id, period from opened
  union select project_id, period from restored
)
select periods.project_id, periods.period as {{ name }},
  coalesce(deployments.deployments, 0) as deployments,
  changes.lead_time as lead_time_seconds,
  coalesce(opened.incidents, 0) as incidents,
  restored.time_to_restore as time_to_restore_seconds,
  {{ share('coalesce(opened.incidents, 0)', 'deployments.deployments') }} as change_failure_rate
from periods
{%- for part in ['deployments', 'changes', 'opened', 'restored'] %}
left join {{ part }} on {{ part }}.project_id = periods.project_id
  and {{ part }}.period = periods.period
{%- endfor %}
{%- endmacro %}
