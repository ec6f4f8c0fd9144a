"""`python -m source_gitlab`."""

import sys

from source_gitlab.cli import main

sys.exit(main())
