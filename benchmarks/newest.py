"""Reads issues as Airbyte's newest connector does: airbyte-source-gitlab 4.4.37, on Airbyte's CDK.

A program for an environment with airbyte-cdk, with the arguments of a connector (`discover` and
`read`). That version is no package: it is a manifest, which the CDK interprets. This makes a
manifest of one stream from what is publicly known of it (airbytehq/airbyte,
airbyte-integrations/connectors/source-gitlab), and the CDK does the rest.

- Pages of 50, by number. A page that is not full is the last.
- A list of issues for each project, in slices of 180 days and a second, by the time of the last
  change. For each project its object is read first, one after the other.
- Answers are kept in a cache on the disk. 403 is an empty page, 401 and 404 end the stream, 500 is
  tried again; at most 2,000 requests a minute.
- Five columns that Jinja computes for each row: the ids of the author, of the assignee, of who
  closed it and of the milestone, and a list of ids in place of the assignees.
- Four workers, unless `num_workers` says otherwise.

What it has beside them is left out, and all of it would cost time: 23 other streams, the columns of
the schema, and groups, by which it finds projects. They come as ids, in `projects_list`.
"""

import sys
from typing import Any

from airbyte_cdk.entrypoint import AirbyteEntrypoint, launch
from airbyte_cdk.sources.declarative.concurrent_declarative_source import (
    ConcurrentDeclarativeSource,
)

_PAGE = 50
_SLICE = "P180DT1S"
_WORKERS = 4
_REQUESTS_A_MINUTE = 2000
_IDS = ("author", "assignee", "closed_by", "milestone")
_ASKED = "%Y-%m-%dT%H:%M:%SZ"
# With an offset, which may be Z.
_ANSWERED = ("%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S%z")


def _parameter(name: str) -> dict[str, str]:
    return {"type": "RequestOption", "inject_into": "request_parameter", "field_name": name}


def _retriever(path: str, parameters: dict[str, str], partitions: dict[str, Any]) -> dict[str, Any]:
    actions = {403: "IGNORE", 401: "FAIL", 500: "RETRY", 404: "FAIL"}
    return {
        "type": "SimpleRetriever",
        "partition_router": partitions,
        "record_selector": {
            "type": "RecordSelector",
            "extractor": {"type": "DpathExtractor", "field_path": []},
        },
        "requester": {
            "type": "HttpRequester",
            "http_method": "GET",
            "url_base": "{{ config['api_url'] }}/api/v4/",
            "path": path,
            "request_parameters": parameters,
            "use_cache": True,
            "authenticator": {
                "type": "BearerAuthenticator",
                "api_token": "{{ config['credentials']['access_token'] }}",
            },
            "error_handler": {
                "type": "DefaultErrorHandler",
                "response_filters": [
                    {"type": "HttpResponseFilter", "http_codes": [status], "action": action}
                    for status, action in actions.items()
                ],
            },
        },
        "paginator": {
            "type": "DefaultPaginator",
            "page_size_option": _parameter("per_page"),
            "page_token_option": _parameter("page"),
            "pagination_strategy": {
                "type": "PageIncrement",
                "page_size": _PAGE,
                "start_from_page": 1,
                "inject_on_first_request": False,
            },
        },
    }


def _stream(name: str, retriever: dict[str, Any], **more: object) -> dict[str, Any]:
    columns = {"id": {"type": "integer"}, "updated_at": {"type": "string", "format": "date-time"}}
    schema = {"type": "object", "properties": columns}
    return {
        "type": "DeclarativeStream",
        "name": name,
        "primary_key": "id",
        "retriever": retriever,
        "schema_loader": {"type": "InlineSchemaLoader", "schema": schema},
        **more,
    }


def _projects() -> dict[str, Any]:
    ids = {
        "type": "ListPartitionRouter",
        "cursor_field": "id",
        "values": "{{ config.get('projects_list', []) }}",
    }
    path = "projects/{{ stream_partition['id'] }}"
    return _stream("projects", _retriever(path, {"statistics": "1"}, ids))


def _issues() -> dict[str, Any]:
    projects = {
        "type": "SubstreamPartitionRouter",
        "parent_stream_configs": [
            {
                "type": "ParentStreamConfig",
                "stream": _projects(),
                "parent_key": "id",
                "partition_field": "id",
            }
        ],
    }
    columns = {
        f"{name}_id": f"{{% set found = record.get('{name}') or {{}} %}}{{{{ found.get('id') }}}}"
        for name in _IDS
    }
    columns["assignees"] = "{{ record['assignees'] | map(attribute='id') | list }}"
    added = [
        {"type": "AddedFieldDefinition", "path": [name], "value": value}
        for name, value in columns.items()
    ]
    return _stream(
        "issues",
        _retriever("projects/{{ stream_partition['id'] }}/issues", {"scope": "all"}, projects),
        transformations=[{"type": "AddFields", "fields": added}],
        incremental_sync={
            "type": "DatetimeBasedCursor",
            "cursor_field": "updated_at",
            "start_datetime": "{{ config['start_date'] }}",
            "datetime_format": _ASKED,
            "cursor_datetime_formats": [*_ANSWERED],
            "cursor_granularity": "PT1S",
            "step": _SLICE,
            "start_time_option": _parameter("updated_after"),
            "end_time_option": _parameter("updated_before"),
        },
    )


def _manifest() -> dict[str, Any]:
    rate = {"type": "Rate", "limit": _REQUESTS_A_MINUTE, "interval": "PT1M"}
    policy = {"type": "MovingWindowCallRatePolicy", "rates": [rate], "matchers": []}
    return {
        "type": "DeclarativeSource",
        "version": "7.0.0",
        "spec": {"type": "Spec", "connection_specification": {"type": "object"}},
        "check": {"type": "CheckStream", "stream_names": ["issues"]},
        "streams": [_issues()],
        "api_budget": {"type": "HTTPAPIBudget", "policies": [policy]},
        "concurrency_level": {
            "type": "ConcurrencyLevel",
            "default_concurrency": f"{{{{ config.get('num_workers', {_WORKERS}) }}}}",
            "max_concurrency": 25,
        },
    }


def main(arguments: list[str]) -> None:
    """Answer a connector's command by Airbyte messages on standard output."""
    given = AirbyteEntrypoint.parse_args(arguments)
    read = ConcurrentDeclarativeSource
    source = read(
        config=read.read_config(given.config),
        catalog=read.read_catalog(given.catalog) if "catalog" in given else None,
        state=read.read_state(given.state) if "state" in given else [],
        source_config=_manifest(),
    )
    launch(source, arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
