select closed.project_id, labels.label, {{ utc_month('closed.closed_at') }} as month,
  count(*) as issues, {{ percentile(0.5, 'closed.lead_hours') }} as median_hours,
  {{ percentile(0.85, 'closed.lead_hours') }} as p85_hours
from {{ ref('issue_lead_time') }} as closed
join {{ ref('issue_labels') }} as labels on labels.issue_id = closed.issue_id
group by closed.project_id, labels.label, {{ utc_month('closed.closed_at') }}
