"""`python -m conformance` is `tcrp-conformance`."""

import sys

from conformance.cli import main

sys.exit(main())
