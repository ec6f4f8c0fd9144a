with attempts as (
  select project_id, pipeline_id, name, count(*) as runs,
    count(case when status = 'failed' then 1 end) as failures,
    count(case when status = 'success' then 1 end) as successes,
    sum(case when status = 'failed' then duration end) as failed_seconds,
    max(created_at) as last_run_at
  from {{ stream('jobs', 'project_id:integer pipeline_id:integer name:text status:text
    created_at:time duration:number') }} as jobs
  where status in ('success', 'failed')
  group by project_id, pipeline_id, name
)
select project_id, {{ job_name('name') }} as job, count(*) as pipelines,
  count(case when failures > 0 and successes > 0 then 1 end) as flaky_pipelines,
  {{ share('count(case when failures > 0 and successes > 0 then 1 end)', 'count(*)') }} as flaky_rate,
  sum(case when successes > 0 then failures else 0 end) as wasted_runs,
  coalesce(sum(case when successes > 0 then failed_seconds end), 0) / 60 as wasted_minutes,
  max(case when failures > 0 and successes > 0 then last_run_at end) as last_flaky_at
from attempts
group by project_id, {{ job_name('name') }}
having count(case when failures > 0 and successes > 0 then 1 end) > 0
