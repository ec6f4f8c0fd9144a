select jobs.id as job_id, jobs.project_id, {{ item_text('listed.item') }} as tag
from {{ stream('jobs', 'id:integer project_id:integer tag_list:json') }} as jobs
cross join lateral {{ json_items('jobs.tag_list') }} as listed
