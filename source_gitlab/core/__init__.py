"""How GitLab's lists are walked without losing a row: slices, walks and state. No CDK here."""
