{% set member = 'id:integer username:text access_level:integer expires_at:date state:text
  membership_state:text' %}
{% set groups = stream('groups', 'id:integer parent_id:integer full_path:text') %}
with recursive group_members as (
  select group_id, id as user_id, username, access_level, expires_at
  from {{ stream('group_members', member ~ ' group_id:integer') }} as listed
  where coalesce(membership_state, 'active') = 'active' and coalesce(state, 'active') = 'active'
),
lineage as (
  select id as group_id, id as ancestor_id, parent_id as next_id, 1 as distance
  from {{ groups }} as start
  union all
  select lineage.group_id, above.id, above.parent_id, lineage.distance + 1
  from lineage join {{ groups }} as above on above.id = lineage.next_id
  where lineage.distance < 30 -- GitLab nests 20 groups
),
invitations as (
  select shared_group_id, group_id, group_access_level, expires_at
  from {{ stream('group_group_shares', 'shared_group_id:integer group_id:integer
    group_access_level:integer expires_at:date') }} as shares
),
ways as (
  select project_id, id as user_id, username, access_level, 'direct member' as way,
    cast(null as bigint) as through_group_id, cast(null as bigint) as invited_group_id, expires_at
  from {{ stream('project_members', member ~ ' project_id:integer') }} as listed
  where coalesce(membership_state, 'active') = 'active' and coalesce(state, 'active') = 'active'
  union all
  select above.project_id, members.user_id, members.username, members.access_level,
    'member of a group above', above.group_id, null, members.expires_at
  from {{ ref('project_groups') }} as above
  join group_members as members on members.group_id = above.group_id
  union all
  select above.project_id, members.user_id, members.username,
    least(members.access_level, invitations.group_access_level),
    'group invited into a group above', above.group_id, invitations.group_id,
    least(members.expires_at, invitations.expires_at)
  from {{ ref('project_groups') }} as above
  join invitations on invitations.shared_group_id = above.group_id
  join group_members as members on members.group_id = invitations.group_id
  union all
  select shares.project_id, members.user_id, members.username,
    least(members.access_level, shares.group_access_level),
    'group invited into the project', members.group_id, shares.group_id,
    least(members.expires_at, shares.expires_at)
  from {{ stream('project_group_shares', 'project_id:integer group_id:integer
    group_access_level:integer expires_at:date') }} as shares
  join lineage on lineage.group_id = shares.group_id
  join group_members as members on members.group_id = lineage.ancestor_id
)
select ways.project_id, projects.path_with_namespace as project_path, ways.user_id, ways.username,
  ways.access_level, {{ role('ways.access_level') }} as role, ways.way, ways.through_group_id,
  through.full_path as through_group_path, ways.invited_group_id, ways.expires_at
from ways
join {{ stream('projects', 'id:integer path_with_namespace:text') }} as projects
  on projects.id = ways.project_id
left join {{ groups }} as through on through.id = ways.through_group_id
where ways.access_level > 5 -- minimal access opens no project
  and (ways.expires_at is null or ways.expires_at > {{ utc_day(as_of()) }})
