with merged as (
  select id as merge_request_id, project_id, iid as merge_request_iid, title, author_id,
    {{ json_text('author', 'username') }} as author_username, target_branch, created_at, merged_at,
    web_url
  from {{ stream('merge_requests', 'id:integer project_id:integer iid:integer title:text
    author_id:integer author:json target_branch:text state:text created_at:time merged_at:time
    web_url:text') }} as merge_requests
  where state = 'merged' and merged_at is not null
),
commits as (
  select project_id, merge_request_iid, min(authored_date) as first_commit_at
  from {{ stream('merge_request_commits',
    'project_id:integer merge_request_iid:integer authored_date:time') }} as commits
  group by project_id, merge_request_iid
),
reviews as (
  select merged.merge_request_id, min(reviews.reviewed_at) as first_review_at,
    max(case when reviews.kind = 'approval' then reviews.reviewed_at end) as approved_at
  from merged
  join {{ ref('merge_request_reviews') }} as reviews
    on reviews.merge_request_id = merged.merge_request_id
    and reviews.reviewed_at between merged.created_at and merged.merged_at
  group by merged.merge_request_id
),
deployed as (
  select project_id, ref, deployment_id, finished_at
  from ({{ deployments_to_production() }}) as deployments
  where status = 'success'
),
linked as (
  select links.merge_request_id, min(deployed.finished_at) as deployed_at
  from (select id as merge_request_id, deployment_id from {{ stream('deployment_merge_requests',
    'id:integer deployment_id:integer') }} as rows_of_links) as links
  join deployed on deployed.deployment_id = links.deployment_id
  group by links.merge_request_id
),
instants as (
  select merge_request_id, project_id, target_branch as branch, merged_at as happened_at,
    0 as kind, cast(null as timestamp with time zone) as deployed_at
  from merged
  union all
  select null, project_id, ref, finished_at, 1, finished_at from deployed
),
followed as (
  select merge_request_id, min(deployed_at) over (
    partition by project_id, branch order by happened_at, kind
    rows between current row and unbounded following
  ) as deployed_at
  from instants
),
phases as (
  select merged.*, commits.first_commit_at, reviews.first_review_at, reviews.approved_at,
    coalesce(linked.deployed_at, followed.deployed_at) as deployed_at,
    case when linked.deployed_at is not null then 'link'
      when followed.deployed_at is not null then 'next deployment' end as deployed_by
  from merged
  left join commits on commits.project_id = merged.project_id
    and commits.merge_request_iid = merged.merge_request_iid
  left join reviews on reviews.merge_request_id = merged.merge_request_id
  left join linked on linked.merge_request_id = merged.merge_request_id
  left join followed on followed.merge_request_id = merged.merge_request_id
)
select merge_request_id, project_id, merge_request_iid, title, author_id, author_username,
  target_branch, web_url, first_commit_at, created_at, first_review_at, approved_at, merged_at,
  deployed_at, deployed_by,
  case when created_at < first_commit_at then 0
    else {{ hours('first_commit_at', 'created_at') }} end as coding_hours,
  {{ hours('created_at', 'first_review_at') }} as pickup_hours,
  {{ hours('first_review_at', 'coalesce(approved_at, merged_at)') }} as review_hours,
  {{ hours('approved_at', 'merged_at') }} as merge_hours,
  case when deployed_at < merged_at then 0 else {{ hours('merged_at', 'deployed_at') }} end as deploy_hours,
  {{ hours('created_at', 'merged_at') }} as open_hours
from phases
