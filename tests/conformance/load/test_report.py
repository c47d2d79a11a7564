"""The report of a load, and the page that is made from it."""

import jsonschema

from conformance.load import page
from conformance.load.search import RateSearch, RateStep
from tests.conformance.load.samples import SCHEMA, figures, reported


def test_the_page_says_what_was_lost() -> None:
    text = "\n".join(page.lines(reported(figures(delivered=100, duplicated=2, disconnected=1))))
    assert "Not held: 20 lost, 2 duplicated, 1 member disconnected." in text
    assert "lost                   20     16.67 %" in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_last_line_of_a_search_tells_both_bounds() -> None:
    found = RateSearch([RateStep(2.0), RateStep(4.0, "3 lost"), RateStep(2.83, "1 lost")])
    text = page.lines(reported(figures(), found))[-1]
    assert (
        text
        == "Held 40 messages a second (120 deliveries a second) without loss; at 57 messages a second it was not held."
    )
    bounded = RateSearch([RateStep(2.0), RateStep(4.0, "it did not reach the rate", True)])
    assert page.lines(reported(figures(), bounded))[-1].endswith("at 80 messages a second the generator was the limit.")
    nothing = RateSearch([RateStep(2.0, "1 lost")])
    assert page.lines(reported(figures(), nothing))[-1] == (
        "Held no rate without loss; at 40 messages a second it was not held."
    )


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
