select id as issue_id, project_id, iid as issue_iid, title, issue_type, created_at, closed_at,
  {{ hours('created_at', 'closed_at') }} as lead_hours
from {{ stream('issues', 'id:integer project_id:integer iid:integer title:text issue_type:text
  state:text created_at:time closed_at:time') }} as issues
where state = 'closed' and closed_at is not null
