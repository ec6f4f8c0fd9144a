select project_id, name as suite, {{ utc_month('pipeline_updated_at') }} as month,
  count(*) as reports, count(case when failed_count + error_count > 0 then 1 end) as red_reports,
  count(suite_error) as unreadable_reports, sum(total_count) as tests,
  sum(failed_count) as failed, sum(error_count) as errors, sum(skipped_count) as skipped,
  {{ share('sum(success_count)', 'sum(total_count - skipped_count)') }} as pass_rate,
  {{ percentile(0.5, 'total_time') }} as median_seconds
from {{ stream('pipeline_test_suites', 'project_id:integer name:text pipeline_updated_at:time
  total_count:integer success_count:integer failed_count:integer skipped_count:integer
  error_count:integer suite_error:text total_time:number') }} as suites
group by project_id, name, {{ utc_month('pipeline_updated_at') }}
