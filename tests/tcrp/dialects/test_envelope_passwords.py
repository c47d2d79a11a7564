"""The passwords of `json-envelope`: bcrypt hashes that clients make."""

import ast
import subprocess
import sys
from pathlib import Path

import bcrypt
import pytest

import tcrp
from tcrp import Create, List, Malformed, Refused, Requested
from tests.tcrp.dialects.conftest import Hear
from tests.tcrp.dialects.envelope import DIALECT, HASH, LIST_BYTES, client, request, server


@pytest.mark.parametrize(
    "hashed",
    [
        "", "pw1", HASH[:-1], HASH + "x", HASH.replace("$2b$", "$2c$"), HASH.replace("$2b$", "$1$"),
        HASH.replace("$04$", "$03$"), HASH.replace("$04$", "$13$"), HASH.replace("$04$", "$31$"),
        HASH.replace("$04$", "$٠٤$"), HASH[:-1] + "!", "$2b$04$abcdefghijklmnopqrstuv",
    ],
)  # fmt: skip
def test_what_is_no_hash_or_costs_too_much_is_refused_in_words(hashed: str, hear: Hear) -> None:
    ours = server()
    events, sent, closing = hear(ours, [request(1, "r", type="", password=hashed)])
    (malformed,) = events
    assert isinstance(malformed, Malformed)
    assert hashed not in str(malformed.error) or not hashed
    assert not closing
    (refused,) = hear(client(Create("r", "a")), [sent]).events
    assert isinstance(refused, Refused)
    assert refused.text
    assert hear(ours, [LIST_BYTES]).events == [Requested(List())]


@pytest.mark.parametrize("cost", ["04", "12"])
@pytest.mark.parametrize("kind", ["$2a$", "$2b$", "$2y$"])
def test_hashes_that_are_taken(cost: str, kind: str, hear: Hear) -> None:
    hashed = HASH.replace("$2b$04$", f"{kind}{cost}$")
    assert hear(server(), [request(1, "r", type="", password=hashed)]).events == [Requested(Create("r", "", hashed))]


def test_the_clients_hash_is_kept_and_verified() -> None:
    passwords = DIALECT.passwords
    assert passwords is not None
    stored = passwords.hash(bcrypt.hashpw("pw部".encode(), bcrypt.gensalt(4)).decode())
    assert passwords.verify("pw部", stored)
    assert not passwords.verify("pw", stored)
    assert not passwords.verify("", stored)
    assert passwords.verify("", bcrypt.hashpw(b"", bcrypt.gensalt(4)))
    long = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4))
    assert passwords.verify("x" * 80, long)
    assert not passwords.verify("x" * 71, long)
    assert not passwords.verify("pw", b"$2b$04$" + b"!" * 53)
    assert not passwords.verify("pw\0", stored)


HIDDEN = """
import sys
sys.modules["bcrypt"] = None
import tcrp
dialect = tcrp.dialects.get("json-envelope")
print(len(dialect.client(tcrp.Join("r", "bob", "pw"), None, 0.0).data_to_send()))
for needs in (lambda: dialect.client(tcrp.Create("r", "bob", "pw"), None, 0.0), lambda: dialect.passwords):
    try:
        needs()
    except ImportError as error:
        print(type(error).__name__, error)
"""


def test_without_bcrypt_all_but_creating_and_serving_works() -> None:
    done = subprocess.run([sys.executable, "-c", HIDDEN], capture_output=True, text=True, check=True, timeout=60)
    said = (
        "MissingExtra dialect json-envelope needs bcrypt: install tcrp with the extra 'envelope', in a clone: "
        "pip install '.[envelope]'"
    )
    assert done.stdout.splitlines() == ["118", said, said]


def test_bcrypt_is_imported_in_one_place() -> None:
    importing = [
        path.name
        for path in Path(tcrp.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import) and any(alias.name == "bcrypt" for alias in node.names)
    ]
    assert importing == ["envelope_passwords.py"]
