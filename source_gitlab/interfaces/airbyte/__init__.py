"""The Airbyte face: the only place that knows the CDK."""

from source_gitlab.interfaces.airbyte.fast_import import import_cdk

import_cdk()
