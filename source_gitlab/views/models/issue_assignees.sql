select issues.id as issue_id, issues.project_id, {{ json_integer('listed.item', 'id') }} as user_id,
  {{ json_text('listed.item', 'username') }} as username, {{ json_text('listed.item', 'name') }} as name
from {{ stream('issues', 'id:integer project_id:integer assignees:json') }} as issues
cross join lateral {{ json_items('issues.assignees') }} as listed
