{#- A stream's rows with the columns that are used, each as NAME:KIND. What the copy lacks is NULL,
    and a stream that it lacks has no rows: loaders leave out columns and tables without values.
    Rows that are marked as deleted are no rows. -#}
{% macro stream(name, columns) -%}
{%- set relation = load_relation(source('gitlab', name)) if execute else none -%}
{%- set known = [] -%}
{%- if relation -%}
  {%- for column in adapter.get_columns_in_relation(relation) -%}
    {%- do known.append(column.name | lower) -%}
  {%- endfor -%}
{%- endif -%}
(select
{%- for column in columns.split() -%}
  {%- set field, kind = column.split(':') -%}
  {%- if field in known %} "{{ field }}"
  {%- else %} cast(null as {{ type_of(kind) }}) as "{{ field }}"
  {%- endif -%}
  {{ ',' if not loop.last }}
{%- endfor -%}
{%- if relation %} from {{ relation }}{% else %} where false{% endif -%}
{%- if '_deleted_at' in known %} where "_deleted_at" is null{% endif -%})
{%- endmacro %}

{#- The instant to which ages refer: that of the query, unless one is given. -#}
{% macro as_of() -%}
{%- set given = var('gitlab_as_of', none) -%}
{%- if given -%} cast('{{ given }}' as timestamp with time zone) {%- else -%} current_timestamp {%- endif -%}
{%- endmacro %}

{% macro hours(begin, end) -%}
(cast(extract(epoch from ({{ end }} - {{ begin }})) as double precision) / 3600)
{%- endmacro %}

{% macro seconds(begin, end) -%}
cast(extract(epoch from ({{ end }} - {{ begin }})) as double precision)
{%- endmacro %}

{#- Whole days that have passed since. -#}
{% macro days_since(moment) -%}
cast(floor(extract(epoch from ({{ as_of() }} - {{ moment }})) / 86400) as bigint)
{%- endmacro %}

{% macro utc_day(moment) -%}
cast(({{ moment }}) at time zone 'UTC' as date)
{%- endmacro %}

{#- The first day of the month, in UTC. -#}
{% macro utc_month(moment) -%}
cast(date_trunc('month', ({{ moment }}) at time zone 'UTC') as date)
{%- endmacro %}

{% macro percentile(share, expression) -%}
percentile_cont({{ share }}) within group (order by {{ expression }})
{%- endmacro %}

{#- A share of the whole, NULL where the whole is nothing. -#}
{% macro share(part, whole) -%}
(cast({{ part }} as double precision) / nullif({{ whole }}, 0))
{%- endmacro %}

{#- The role that an access level stands for (https://docs.gitlab.com/api/access_requests/). -#}
{% macro role(level) -%}
case {{ level }} when 0 then 'No access' when 5 then 'Minimal access' when 10 then 'Guest'
  when 15 then 'Planner' when 20 then 'Reporter' when 25 then 'Security manager'
  when 30 then 'Developer' when 40 then 'Maintainer' when 50 then 'Owner'
  when 60 then 'Administrator' end
{%- endmacro %}

{#- Whether a name is one of those that GitLab gives to bots of tokens (project_1_bot_0a1b). -#}
{% macro is_bot(username) -%}
(position('_bot_' in coalesce({{ username }}, '')) > 0)
{%- endmacro %}
