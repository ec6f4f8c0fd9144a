select epics.id as epic_id, epics.group_id, {{ item_text('listed.item') }} as label
from {{ stream('epics', 'id:integer group_id:integer labels:json') }} as epics
cross join lateral {{ json_items('epics.labels') }} as listed
