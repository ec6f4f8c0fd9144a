select project_id, {{ utc_month('coalesce(started_at, created_at)') }} as month,
  coalesce({{ json_text('runner', 'runner_type') }}, 'unknown') as runner_type,
  count(*) as jobs, sum(duration) / 60 as minutes
from {{ stream('jobs', 'project_id:integer created_at:time started_at:time duration:number
  runner:json') }} as jobs
where duration is not null
group by project_id, {{ utc_month('coalesce(started_at, created_at)') }},
  coalesce({{ json_text('runner', 'runner_type') }}, 'unknown')
