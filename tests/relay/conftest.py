"""A relay for tests that need nothing else."""

import pytest

from tests.relay.rig import RelayRig, canonical_rig


@pytest.fixture
def rig() -> RelayRig:
    """A relay in the canonical dialect."""
    return canonical_rig()
