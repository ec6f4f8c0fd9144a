"""The Airbyte face: the only place that knows the CDK."""

from source_gitlab.airbyte.importing import import_cdk

import_cdk()
