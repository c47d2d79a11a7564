"""TCRP servers that are right but unusual, made of the plain server of tests/faults. Standard library only."""
