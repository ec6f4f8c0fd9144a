{% set requests = stream('merge_requests',
  'id:integer iid:integer project_id:integer author_id:integer') %}
{% set notes = stream('merge_request_notes', 'noteable_id:integer author_id:integer author:json
  created_at:time system:boolean body:text') %}
with approvals as (
  select merge_request_id, user_id, {{ json_text('"user"', 'username') }} as username, approved_at
  from {{ stream('merge_request_approvals',
    'merge_request_id:integer user_id:integer user:json approved_at:time') }} as approvals
  where approved_at is not null
),
acts as (
  select merge_request_id, user_id, username, 'approval' as kind, approved_at as reviewed_at
  from approvals
  union all
  select noteable_id, author_id, {{ json_text('author', 'username') }},
    case when system then 'approval' else 'comment' end, created_at
  from {{ notes }} as notes
  where (not coalesce(system, false) or body = 'approved this merge request')
    and not (coalesce(system, false) and exists (
      select 1 from approvals
      where approvals.merge_request_id = notes.noteable_id and approvals.user_id = notes.author_id
    ))
)
select acts.merge_request_id, requests.project_id, requests.iid as merge_request_iid,
  acts.user_id as reviewer_id, acts.username as reviewer_username, acts.kind, acts.reviewed_at
from acts
join {{ requests }} as requests on requests.id = acts.merge_request_id
where acts.user_id <> requests.author_id and not {{ is_bot('acts.username') }}
