{% set issues = stream('issues',
  'project_id:integer state:text issue_type:text created_at:time closed_at:time') %}
with changes as (
  select project_id, issue_type, {{ utc_month('created_at') }} as month, 1 as opened, 0 as closed
  from {{ issues }} as issues
  union all
  select project_id, issue_type, {{ utc_month('closed_at') }}, 0, 1
  from {{ issues }} as issues where state = 'closed' and closed_at is not null
)
select project_id, issue_type, month, sum(opened) as opened, sum(closed) as closed
from changes
group by project_id, issue_type, month
