"""No row is lost, none is stale, none is asked for twice."""
