"""Soaking: `python -m tests.hardening.soak`. The real server bears half of its highest rate for a long time."""
