select merge_requests.id as merge_request_id, merge_requests.project_id,
  {{ json_integer('listed.item', 'id') }} as user_id,
  {{ json_text('listed.item', 'username') }} as username, {{ json_text('listed.item', 'name') }} as name
from {{ stream('merge_requests', 'id:integer project_id:integer assignees:json') }} as merge_requests
cross join lateral {{ json_items('merge_requests.assignees') }} as listed
