"""The Airbyte face: the only place that knows the CDK."""
