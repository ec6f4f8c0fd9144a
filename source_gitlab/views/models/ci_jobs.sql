select project_id, {{ job_name('name') }} as job, {{ utc_month('created_at') }} as month,
  count(*) as runs, count(case when status = 'failed' then 1 end) as failures,
  {{ share("count(case when status = 'failed' then 1 end)", 'count(*)') }} as failure_rate,
  {{ percentile(0.5, 'duration') }} as median_seconds,
  {{ percentile(0.95, 'duration') }} as p95_seconds,
  {{ percentile(0.5, 'queued_duration') }} as median_queued_seconds,
  coalesce(sum(duration), 0) / 60 as minutes
from {{ stream('jobs', 'project_id:integer name:text status:text created_at:time duration:number
  queued_duration:number') }} as jobs
where status in ('success', 'failed')
group by project_id, {{ job_name('name') }}, {{ utc_month('created_at') }}
