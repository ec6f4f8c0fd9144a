"""Imports the CDK in half the time.

When it is imported, the CDK has serializers made for the protocol's classes, and these look for
descriptions of attributes: the source of every class is read and parsed for a JSON schema that
nobody asks for. That takes as long as everything else in the import together.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any


def import_cdk() -> None:
    """Import the CDK, whose protocol's attributes then have no descriptions.

    Classes that others have described after that have them. Where the serializers' library is
    already there, or looks elsewhere for descriptions, this is an import like any other.
    """
    if "airbyte_cdk" in sys.modules or "serpyco_rs" in sys.modules:
        return
    try:
        descriptions: Any = importlib.import_module("attributes_doc")
        look_up = descriptions.get_attributes_doc
    except (ImportError, AttributeError):
        return
    importing = True

    def get_attributes_doc(described: type) -> Any:
        return {} if importing else look_up(described)

    descriptions.get_attributes_doc = get_attributes_doc
    try:
        importlib.import_module("airbyte_cdk")
    finally:
        importing = False
        descriptions.get_attributes_doc = look_up
