"""How a test says which clauses it judges and what it needs."""

import pytest

clause = pytest.mark.clause
needs_chat = pytest.mark.needs("chat")
hostile = pytest.mark.hostile
"""It sends what may hurt: afterwards a well-formed CREATE must still be served."""
late = pytest.mark.late
"""To be run after everything else: it leaves something behind."""
last = pytest.mark.late(2)
"""To be run at the very end: it stops the server."""
