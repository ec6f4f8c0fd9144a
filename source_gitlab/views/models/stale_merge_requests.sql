select id as merge_request_id, project_id, iid as merge_request_iid, title, draft, author_id,
  {{ json_text('author', 'username') }} as author_username, created_at, updated_at, web_url,
  {{ days_since('updated_at') }} as idle_days, {{ days_since('created_at') }} as age_days
from {{ stream('merge_requests', 'id:integer project_id:integer iid:integer title:text draft:boolean
  author_id:integer author:json state:text created_at:time updated_at:time web_url:text') }}
  as merge_requests
where state = 'opened' and {{ days_since('updated_at') }} >= 30
