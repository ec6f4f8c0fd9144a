select project_id, project_path, user_id, max(username) as username, max(access_level) as access_level,
  {{ role('max(access_level)') }} as role, count(*) as ways,
  count(case when expires_at is null then 1 end) > 0 as is_unlimited
from {{ ref('project_access_ways') }} as ways
group by project_id, project_path, user_id
