"""Torment: `python -m tests.hardening.torment`. One attack after another on the real server, while others use it."""
