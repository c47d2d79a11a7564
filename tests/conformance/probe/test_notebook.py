"""What was learnt, as a dialect file and beside another dialect."""

from conformance.probe.notebook import Notebook, Sure, differences
from tcrp.dialects.file import dumps, loads
from tcrp.dialects.settings import Settings

TOKEN = b"0f8fad5b-d9cb-469f-a165-70867728950e"


def test_what_was_learnt_comes_back_from_the_file() -> None:
    notes = Notebook()
    notes.hide(TOKEN)
    notes.learn("request.user-key", "user_name", "it got a token", b"name " + TOKEN)
    notes.learn("up.layout", ("token", "message"), "it arrived", sure=Sure.LIKELY)
    notes.learn("notices.closed-mark", "\x04", "it begins so")
    settings = notes.settings("odd", 9001, 9002)
    text = dumps(settings, notes.comments())
    assert loads(text) == settings
    assert "sure: it got a token; seen: name <token of 36 bytes>" in text
    assert TOKEN.decode() not in text


def test_a_difference_is_what_no_reading_of_the_evidence_allows() -> None:
    notes = Notebook()
    notes.learn("request.no-password", "omit", "all three worked", accepts=("empty", "null"))
    notes.learn("status.room-exists", 1, "seen")
    assert differences(notes, Settings(name="other")) == []
    notes.learn("chat.echo", True, "seen")
    assert differences(notes, Settings(name="other")) == ["chat.echo: True, there none"]
