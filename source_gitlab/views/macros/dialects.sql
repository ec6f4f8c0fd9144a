{#- What DuckDB and PostgreSQL say differently; every other macro is common to both. -#}

{#- The type of a kind of column. -#}
{% macro type_of(kind) -%}
{{ adapter.dispatch('type_of', 'gitlab_views')(kind) }}
{%- endmacro %}
{% macro default__type_of(kind) -%}
{{ {'text': 'text', 'integer': 'bigint', 'number': 'double precision', 'boolean': 'boolean',
    'date': 'date', 'time': 'timestamp with time zone', 'json': 'jsonb'}[kind] }}
{%- endmacro %}
{% macro duckdb__type_of(kind) -%}
{{ {'text': 'varchar', 'integer': 'bigint', 'number': 'double', 'boolean': 'boolean',
    'date': 'date', 'time': 'timestamp with time zone', 'json': 'json'}[kind] }}
{%- endmacro %}

{#- The items of a list as rows with the column `item`; what is no list has none. -#}
{% macro json_items(list) -%}
{{ adapter.dispatch('json_items', 'gitlab_views')(list) }}
{%- endmacro %}
{% macro default__json_items(list) -%}
(select item from jsonb_array_elements(case when jsonb_typeof(cast({{ list }} as jsonb)) = 'array'
  then cast({{ list }} as jsonb) else '[]' end) as listed(item))
{%- endmacro %}
{% macro duckdb__json_items(list) -%}
(select unnest(case when json_type({{ list }}) = 'ARRAY' then cast({{ list }} as json[]) end) as item)
{%- endmacro %}

{#- An item that is a text, without its quotes. -#}
{% macro item_text(item) -%}
{{ adapter.dispatch('item_text', 'gitlab_views')(item) }}
{%- endmacro %}
{% macro default__item_text(item) -%} ({{ item }} #>> '{}') {%- endmacro %}
{% macro duckdb__item_text(item) -%} ({{ item }} ->> '$') {%- endmacro %}

{#- A field of an object, as text. -#}
{% macro json_text(object, field) -%}
{{ adapter.dispatch('json_text', 'gitlab_views')(object, field) }}
{%- endmacro %}
{% macro default__json_text(object, field) -%}
(cast({{ object }} as jsonb) ->> '{{ field }}')
{%- endmacro %}
{% macro duckdb__json_text(object, field) -%} ({{ object }} ->> '{{ field }}') {%- endmacro %}

{#- A field of an object as a whole number; NULL where it is none. -#}
{% macro json_integer(object, field) -%}
{{ adapter.dispatch('json_integer', 'gitlab_views')(object, field) }}
{%- endmacro %}
{% macro default__json_integer(object, field) -%}
case when {{ json_text(object, field) }} ~ '^-?[0-9]{1,18}$'
  then cast({{ json_text(object, field) }} as bigint) end
{%- endmacro %}
{% macro duckdb__json_integer(object, field) -%}
try_cast({{ json_text(object, field) }} as bigint)
{%- endmacro %}

{#- A field of an object as an instant; NULL where it is none. -#}
{% macro json_time(object, field) -%}
{{ adapter.dispatch('json_time', 'gitlab_views')(object, field) }}
{%- endmacro %}
{% macro default__json_time(object, field) -%}
case when {{ json_text(object, field) }} ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}'
  then cast({{ json_text(object, field) }} as timestamp with time zone) end
{%- endmacro %}
{% macro duckdb__json_time(object, field) -%}
try_cast({{ json_text(object, field) }} as timestamp with time zone)
{%- endmacro %}

{#- The name of a job without the index that GitLab appends to parallel ones: `rspec 1/3`. -#}
{% macro job_name(name) -%}
regexp_replace({{ name }}, ' [0-9]+/[0-9]+$', '')
{%- endmacro %}
