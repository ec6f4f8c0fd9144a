"""What users of each face see."""
