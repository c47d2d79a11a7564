"""`python -m reference_client` runs `tcrp-client`."""

import sys

from reference_client.cli import main

if __name__ == "__main__":
    sys.exit(main())
