with asked as (
  select reviewers.merge_request_id, reviewers.project_id, requests.iid as merge_request_iid,
    requests.state, reviewers.user_id as reviewer_id, reviewers.username as reviewer_username,
    coalesce(reviewers.asked_at, requests.created_at) as asked_at
  from {{ ref('merge_request_reviewers') }} as reviewers
  join {{ stream('merge_requests', 'id:integer iid:integer author_id:integer state:text
    created_at:time') }} as requests on requests.id = reviewers.merge_request_id
  where reviewers.user_id <> requests.author_id and not {{ is_bot('reviewers.username') }}
),
answers as (
  select asked.merge_request_id, asked.reviewer_id, min(reviews.reviewed_at) as first_response_at
  from asked
  join {{ ref('merge_request_reviews') }} as reviews
    on reviews.merge_request_id = asked.merge_request_id
    and reviews.reviewer_id = asked.reviewer_id and reviews.reviewed_at >= asked.asked_at
  group by asked.merge_request_id, asked.reviewer_id
)
select asked.merge_request_id, asked.project_id, asked.merge_request_iid, asked.reviewer_id,
  asked.reviewer_username, asked.asked_at, answers.first_response_at,
  {{ hours('asked.asked_at', 'answers.first_response_at') }} as response_hours,
  case when asked.state = 'opened' and answers.first_response_at is null
    then {{ hours('asked.asked_at', as_of()) }} end as waiting_hours
from asked
left join answers on answers.merge_request_id = asked.merge_request_id
  and answers.reviewer_id = asked.reviewer_id
