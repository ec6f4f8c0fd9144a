"""Views over what was read, in every destination that has them."""
