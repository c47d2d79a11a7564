"""`--shard I/N`: run one part of the tests, so that several machines can share them. `--long`: run long tests whole.

No test of ours asserts a time, so hypothesis has no deadline.
"""

import argparse
from zlib import crc32

import pytest
from hypothesis import settings

settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shard", metavar="I/N", type=_shard, help="run the I-th of N parts of the tests; I begins at 1")
    parser.addoption("--long", action="store_true", help="run the long form of the tests that have a short one")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of this part. The hash of a node id is the same on every machine and in every xdist worker."""
    if (shard := config.getoption("--shard")) is None:
        return
    number, parts = shard
    kept: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        (kept if crc32(item.nodeid.encode()) % parts == number - 1 else others).append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = kept


@pytest.fixture
def long(request: pytest.FixtureRequest) -> bool:
    """Whether a test that has a long form runs it."""
    return bool(request.config.getoption("--long"))


def _shard(text: str) -> tuple[int, int]:
    """(I, N), with 1 <= I <= N."""
    number, slash, parts = text.partition("/")
    if slash and number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts):
        return int(number), int(parts)
    raise argparse.ArgumentTypeError(f"{text!r} is not I/N, such as 1/4 to 4/4")
