select project_id, {{ utc_month('created_at') }} as month, coalesce(source, 'unknown') as source,
  count(*) as pipelines, count(case when status = 'failed' then 1 end) as failures,
  {{ share("count(case when status = 'failed' then 1 end)", 'count(*)') }} as failure_rate
from {{ stream('pipelines', 'project_id:integer status:text source:text created_at:time') }}
  as pipelines
where status in ('success', 'failed')
group by project_id, {{ utc_month('created_at') }}, coalesce(source, 'unknown')
