"""The Airbyte face: the only place that knows the CDK.

The CDK gives the protocol's messages, the entrypoint, and the forms of catalogs and states. Its
concurrent classes are not used. Over the same pages they took as much CPU as the engine where a
stream is one long list, a tenth more where it is a thousand short ones, and an eighth more for all
streams of fifty projects, with starting counted in. They order no state behind rows by themselves.
"""

import importlib.util

from source_gitlab.distribution import install_command
from source_gitlab.interfaces.airbyte.fast_import import import_cdk

if importlib.util.find_spec("airbyte_cdk") is None:
    message = f"This needs the Airbyte CDK. Install it with: {install_command('airbyte')}"
    raise ModuleNotFoundError(message, name="airbyte_cdk")

import_cdk()
