"""Plain lists and objects of the API, served from data: see ``resources/README.md``."""
