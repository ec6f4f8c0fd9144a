with nested as (
  select merge_requests.id as merge_request_id, merge_requests.project_id,
    {{ json_integer('listed.item', 'id') }} as user_id,
    {{ json_text('listed.item', 'username') }} as username,
    {{ json_text('listed.item', 'name') }} as name
  from {{ stream('merge_requests', 'id:integer project_id:integer reviewers:json') }} as merge_requests
  cross join lateral {{ json_items('merge_requests.reviewers') }} as listed
)
select nested.merge_request_id, nested.project_id, nested.user_id, nested.username, nested.name,
  detailed.state, detailed.created_at as asked_at
from nested
left join {{ stream('merge_request_reviewers',
  'merge_request_id:integer user_id:integer state:text created_at:time') }} as detailed
  on detailed.merge_request_id = nested.merge_request_id and detailed.user_id = nested.user_id
