"""The requests that a probe tries."""

import json

from conformance.probe.questions.requests.shapes import RequestShape, candidates


def test_likely_requests_come_before_odd_ones() -> None:
    shapes = list(candidates())
    assert [shape.payload for shape in shapes[:2]] == ["json", "raw"]
    assert len({repr(shape) for shape in shapes}) == len(shapes)
    assert all(shape.stages == "whole" for shape in shapes[:20])


def test_a_request_lies_as_its_shape_says() -> None:
    raw = RequestShape(payload="raw", size="digits", counts="body", state=1)
    assert raw.frame("r1", 1, raw.body("bob")) == b"\x02\x01\x01" + b"%029d" % 5 + b"r1bob"
    declared = RequestShape(user_keys=("n",), password="omit", pair_keys=("a",), ip_keys=(), port_keys=("p",))
    body = declared.body("bob", udp=("::1", 7), ports={"p": 8})
    assert json.loads(body) == {"n": "bob", "a": ["::1", 7], "p": 8}
