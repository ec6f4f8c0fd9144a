"""The Singer face: a tap whose messages Meltano and other programs carry to Singer targets.

The specification: https://hub.meltano.com/singer/spec, with the metadata of
https://github.com/singer-io/getting-started/blob/master/docs/DISCOVERY_MODE.md and the message
ACTIVATE_VERSION of targets made with Meltano's SDK.
"""
