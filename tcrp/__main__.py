"""`python -m tcrp` is the command `tcrp`."""

import sys

from tcrp.cli import main

if __name__ == "__main__":
    sys.exit(main())
