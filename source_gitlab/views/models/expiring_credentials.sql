{#- Each stream with a kind, its owner and what it calls things: name, expiry, last use, in force. -#}
{% set tokens = 'id:integer name:text expires_at:date last_used_at:time revoked:boolean user_id:integer scopes:json' %}
{% set deploy = 'id:integer name:text expires_at:time revoked:boolean scopes:json' %}
{% set keys = 'id:integer title:text expires_at:time last_used_at:time' %}
{% set sources = [
  ('personal access token', 'personal_access_tokens', tokens, ''),
  ('personal access token', 'group_credential_tokens', tokens, ''),
  ('project access token', 'project_access_tokens', tokens, 'project_id'),
  ('group access token', 'group_access_tokens', tokens, 'group_id'),
  ('deploy token', 'project_deploy_tokens', deploy, 'project_id'),
  ('deploy token', 'group_deploy_tokens', deploy, 'group_id'),
  ('deploy key', 'deploy_keys', keys, 'project_id'),
  ('secure file', 'secure_files', 'id:integer name:text expires_at:time', 'project_id'),
] %}
with credentials as (
  {%- for kind, name, columns, owner in sources %}
  {{ 'union all' if not loop.first }}
  select '{{ kind }}' as kind, id as credential_id,
    {{ 'title' if 'title:' in columns else 'name' }} as name,
    {{ 'project_id' if owner == 'project_id' else 'cast(null as bigint)' }} as project_id,
    {{ 'group_id' if owner == 'group_id' else 'cast(null as bigint)' }} as group_id,
    {{ 'user_id' if 'user_id:' in columns else 'cast(null as bigint)' }} as user_id,
    {{ utc_day('expires_at') if 'expires_at:time' in columns else 'expires_at' }} as expires_on,
    {{ 'last_used_at' if 'last_used_at:' in columns else 'cast(null as timestamp with time zone)' }}
      as last_used_at,
    {{ 'scopes' if 'scopes:' in columns else 'cast(null as ' ~ type_of('json') ~ ')' }} as scopes
  from {{ stream(name, columns ~ (' ' ~ owner ~ ':integer' if owner else '')) }} as listed
  {{ 'where not coalesce(revoked, false)' if 'revoked:' in columns }}
  {%- endfor %}
)
select kind, credential_id, name, project_id, group_id, user_id, scopes, expires_on, last_used_at,
  expires_on - {{ utc_day(as_of()) }} as days_left,
  case when expires_on is null then 'never expires'
    when expires_on <= {{ utc_day(as_of()) }} then 'expired'
    when expires_on - {{ utc_day(as_of()) }} <= 30 then 'within 30 days'
    when expires_on - {{ utc_day(as_of()) }} <= 90 then 'within 90 days'
    else 'later' end as expiry
from credentials
