select merge_requests.id as merge_request_id, merge_requests.project_id,
  {{ item_text('listed.item') }} as label
from {{ stream('merge_requests', 'id:integer project_id:integer labels:json') }} as merge_requests
cross join lateral {{ json_items('merge_requests.labels') }} as listed
