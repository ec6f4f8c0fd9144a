"""What a user may see, as GitLab's policies and finders have it, as parts of SQL.

Sources: app/models/project.rb (`public_or_visible_to_user`), app/models/project_feature.rb
(PRIVATE_FEATURES_MIN_ACCESS_LEVEL), app/finders/issues_finder.rb (`without confidential`).
"""

from __future__ import annotations

from integration_tests.second_gitlab.world import GUEST, REPORTER

# Every group with each of those above it, itself among them.
_ABOVE = """
with recursive above (id, upper) as (
  select id, id from groups
  union all
  select above.id, groups.parent_id from above join groups on groups.id = above.upper
  where groups.parent_id is not null
),
"""

# The highest role of the user in each project: its own memberships, and those of the groups above.
ROLES = (
    _ABOVE
    + """
roles (project_id, level) as (
  select project_id, max(level) from (
    select source_id as project_id, level from members where source = 'project' and user_id = :user
    union all
    select projects.id, members.level from projects
    join above on above.id = projects.group_id
    join members on members.source = 'group' and members.source_id = above.upper
    where members.user_id = :user
  ) group by project_id
),
seen (id, level, open) as (
  select projects.id, coalesce(roles.level, 0), projects.visibility != 'private'
  from projects left join roles on roles.project_id = projects.id
  where projects.visibility != 'private' or coalesce(roles.level, 0) >= """
    + str(GUEST)
    + """
),
group_roles (group_id, level) as (
  select above.id, max(members.level) from above
  join members on members.source = 'group' and members.source_id = above.upper
  where members.user_id = :user group by above.id
),
seen_groups (id, level) as (
  select groups.id, coalesce(group_roles.level, 0) from groups
  left join group_roles on group_roles.group_id = groups.id
  where groups.visibility != 'private' or coalesce(group_roles.level, 0) >= """
    + str(GUEST)
    + """
  or exists (
    select 1 from above as below join projects on projects.group_id = below.id
    join members on members.source = 'project' and members.source_id = projects.id
    where below.upper = groups.id and members.user_id = :user
  )
)
"""
)

# Issues: of projects in which issues are not switched off; confidential ones need a reporter, or to
# be the author.
SEEN_ISSUES = f"""
  select issues.* from issues
  join seen on seen.id = issues.project_id
  join projects on projects.id = issues.project_id
  where (projects.issues_access = 'enabled'
         or (projects.issues_access = 'private' and seen.level >= {GUEST}))
    and (not issues.confidential or seen.level >= {REPORTER} or issues.author_id = :user)
"""

# Merge requests: a private project shows them from reporter on, and so does a private feature.
SEEN_MERGE_REQUESTS = f"""
  select merge_requests.* from merge_requests
  join seen on seen.id = merge_requests.project_id
  join projects on projects.id = merge_requests.project_id
  where (seen.open or seen.level >= {REPORTER})
    and (projects.merge_requests_access = 'enabled'
         or (projects.merge_requests_access = 'private' and seen.level >= {REPORTER}))
"""

SEEN = {"issues": SEEN_ISSUES, "merge_requests": SEEN_MERGE_REQUESTS}
