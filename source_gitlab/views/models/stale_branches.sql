with heads as (
  select project_id, name as branch, merged, protected,
    {{ json_time('commit', 'committed_date') }} as last_commit_at,
    {{ json_text('commit', 'author_name') }} as last_author
  from {{ stream('branches', 'project_id:integer name:text merged:boolean protected:boolean
    default:boolean commit:json') }} as branches
  where not coalesce("default", false)
),
open_requests as (
  select source_project_id, source_branch, count(*) as open_merge_requests
  from {{ stream('merge_requests', 'source_project_id:integer source_branch:text state:text') }}
    as merge_requests
  where state = 'opened'
  group by source_project_id, source_branch
)
select heads.project_id, heads.branch, heads.merged, heads.protected, heads.last_commit_at,
  heads.last_author, {{ days_since('heads.last_commit_at') }} as idle_days,
  coalesce(open_requests.open_merge_requests, 0) as open_merge_requests
from heads
left join open_requests on open_requests.source_project_id = heads.project_id
  and open_requests.source_branch = heads.branch
where {{ days_since('heads.last_commit_at') }} >= 90
