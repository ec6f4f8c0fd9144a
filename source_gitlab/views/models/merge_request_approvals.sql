select merge_request_id, project_id, merge_request_iid, user_id,
  {{ json_text('"user"', 'username') }} as username, approved_at
from {{ stream('merge_request_approvals', 'merge_request_id:integer project_id:integer
  merge_request_iid:integer user_id:integer user:json approved_at:time') }} as approvals
