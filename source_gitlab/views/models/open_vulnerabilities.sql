select id as vulnerability_id, project_id, title, severity, report_type, state, detected_at, web_url,
  {{ days_since('detected_at') }} as age_days,
  case when {{ days_since('detected_at') }} < 30 then 'under 30 days'
    when {{ days_since('detected_at') }} < 90 then '30 to 89 days'
    when {{ days_since('detected_at') }} < 180 then '90 to 179 days'
    when {{ days_since('detected_at') }} >= 180 then '180 days or more' end as age
from {{ stream('vulnerabilities', 'id:integer project_id:integer title:text severity:text
  report_type:text state:text detected_at:time web_url:text') }} as vulnerabilities
where state in ('DETECTED', 'CONFIRMED')
