"""The Flow capture: Estuary's runtime asks in lines of JSON, and keeps documents and states."""
