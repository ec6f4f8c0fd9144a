with recursive above as (
  select projects.id as project_id, {{ json_integer('projects.namespace', 'id') }} as group_id,
    1 as distance
  from {{ stream('projects', 'id:integer namespace:json') }} as projects
  where {{ json_text('projects.namespace', 'kind') }} = 'group'
  union all
  select above.project_id, parents.parent_id, above.distance + 1
  from above
  join {{ stream('groups', 'id:integer parent_id:integer') }} as parents on parents.id = above.group_id
  where parents.parent_id is not null and above.distance < 30 -- GitLab nests 20 groups
)
select above.project_id, above.group_id, named.full_path as group_path, above.distance
from above
left join {{ stream('groups', 'id:integer full_path:text') }} as named on named.id = above.group_id
