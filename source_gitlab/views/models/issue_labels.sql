select issues.id as issue_id, issues.project_id, {{ item_text('listed.item') }} as label
from {{ stream('issues', 'id:integer project_id:integer labels:json') }} as issues
cross join lateral {{ json_items('issues.labels') }} as listed
