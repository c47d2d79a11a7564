"""The clauses of docs/spec.md as tests: a module a section, a sentence a test."""
