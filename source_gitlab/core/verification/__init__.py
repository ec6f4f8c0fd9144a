"""Proving that a copy is whole: lists are counted in GitLab and in the copy, and compared.

Where the numbers differ, a window of time is cut in halves until it is cheaper to read it, and the
rows that one side lacks are found. A copy changes only where a row is certainly gone.
"""
