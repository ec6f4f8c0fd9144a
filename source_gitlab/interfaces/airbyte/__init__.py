"""The Airbyte face: the only place that knows the CDK."""

import importlib.util

from source_gitlab.distribution import install_command
from source_gitlab.interfaces.airbyte.fast_import import import_cdk

if importlib.util.find_spec("airbyte_cdk") is None:
    message = f"This needs the Airbyte CDK. Install it with: {install_command('airbyte')}"
    raise ModuleNotFoundError(message, name="airbyte_cdk")

import_cdk()
