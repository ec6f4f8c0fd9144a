select theirs.project_id, theirs.date as day,
  coalesce(ours.deployments, 0) as deployments,
  coalesce(theirs.deployment_frequency, 0) as gitlab_deployments,
  coalesce(ours.incidents, 0) as incidents,
  ours.lead_time_seconds, theirs.lead_time_for_changes as gitlab_lead_time_seconds,
  ours.time_to_restore_seconds, theirs.time_to_restore_service as gitlab_time_to_restore_seconds,
  ours.change_failure_rate, theirs.change_failure_rate as gitlab_change_failure_rate,
  coalesce(ours.deployments, 0) = coalesce(theirs.deployment_frequency, 0) as same_deployments
from {{ stream('project_dora_metrics', 'project_id:integer date:date deployment_frequency:number
  lead_time_for_changes:number time_to_restore_service:number change_failure_rate:number') }} as theirs
left join {{ ref('dora_daily') }} as ours
  on ours.project_id = theirs.project_id and ours.day = theirs.date
