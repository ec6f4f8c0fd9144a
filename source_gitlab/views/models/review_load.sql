select reviewer_id, reviewer_username, {{ utc_month('asked_at') }} as month,
  count(*) as requests, count(first_response_at) as answered, count(waiting_hours) as waiting,
  {{ percentile(0.5, 'response_hours') }} as median_response_hours
from {{ ref('review_response_time') }} as responses
group by reviewer_id, reviewer_username, {{ utc_month('asked_at') }}
