"""What all faces share: threads that read slices, and when a state is written."""
