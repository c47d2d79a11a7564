"""Imported once in the process that the runs are forked from: what each of them would otherwise do for itself."""

import gc
from importlib import import_module
from pkgutil import iter_modules

from hypothesis import strategies as st

import conformance.engine.rerun.repetition
import conformance.report.finding_rows
import conformance.run
import conformance.suite
from conformance.spec.clauses import all_clauses

for _module in iter_modules(conformance.suite.__path__):
    import_module(f"conformance.suite.{_module.name}")
all_clauses()
st.characters(codec="utf-8").validate()
gc.collect()
gc.freeze()  # so that collecting in a run does not copy all of this
