"""From what was found to verdicts, causes and exit codes."""
