"""Slices of a plan in the workers of any executor: a pool of processes, Dask, and others."""
