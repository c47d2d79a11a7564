"""Rules for every dialect except the canonical one."""

import pytest

import tcrp
from tcrp import Down, DownKind, NoticeReason

OTHERS = [name for name in tcrp.dialects.names() if name != tcrp.dialects.DEFAULT]


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("kind", [DownKind.CLOSED, DownKind.INFO])
@pytest.mark.parametrize("why", list(NoticeReason))
def test_no_notice_is_one_of_the_canonical_dialect(name: str, kind: DownKind, why: NoticeReason) -> None:
    """Their clients would show it as chat, or stop receiving."""
    data = tcrp.dialects.get(name).write_down(Down(kind, "bob", b"", why, "r"))
    assert data is None or data[0] not in (4, 5)


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_told_can_be_said(name: str) -> None:
    """A policy with a notice that its dialect cannot express would be a mistake."""
    dialect = tcrp.dialects.get(name)
    for why, audience in dialect.policy.tell.items():
        if audience is tcrp.Audience.NOBODY:
            continue
        said = [dialect.write_down(Down(kind, "bob", b"", why, "r")) for kind in (DownKind.CLOSED, DownKind.INFO)]
        assert any(said), why


@pytest.mark.parametrize("name", OTHERS)
def test_an_address_is_given_out_where_there_is_a_port_for_it(name: str) -> None:
    policy = tcrp.dialects.get(name).policy
    assert (policy.register is tcrp.Register.ASSIGNED) == (policy.client_port is not None)
