select projects.id as project_id, {{ item_text('listed.item') }} as topic
from {{ stream('projects', 'id:integer topics:json') }} as projects
cross join lateral {{ json_items('projects.topics') }} as listed
