"""The Airbyte face: the protocol's messages as plain JSON, and, in `cdk`, as the CDK's objects.

The commands write the protocol themselves, and need no CDK: importing it takes three times as long
as a read of nothing does otherwise. Only `cdk` imports it, for programs that drive a source object.
"""
