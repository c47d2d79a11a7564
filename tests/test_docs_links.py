"""The pages lead somewhere: each relative link names a file that exists, and each anchor a heading of that page."""

import re
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md"))]
MARKDOWN = MarkdownIt("commonmark").enable("table")


def inline(page: Path) -> list[list[Token]]:
    """The children of every inline token: text, code and links, without what stands in fenced blocks."""
    return [token.children or [] for token in MARKDOWN.parse(page.read_text(encoding="utf-8"))]


def links(page: Path) -> list[str]:
    return [str(part.attrGet("href")) for parts in inline(page) for part in parts if part.type == "link_open"]


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors that GitHub gives to the headings of a page."""
    tokens = MARKDOWN.parse(page.read_text(encoding="utf-8"))
    found: Counter[str] = Counter()
    names = set()
    for before, token in pairwise(tokens):
        if before.type == "heading_open":
            text = "".join(part.content for part in token.children or [] if part.type in ("text", "code_inline"))
            name = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
            names.add(f"{name}-{found[name]}" if found[name] else name)
            found[name] += 1
    return frozenset(names)


def broken(page: Path, root: Path = ROOT) -> list[str]:
    """The links that lead nowhere, or out of the root."""
    return [link for link in links(page) if not urlsplit(link).scheme and not leads_somewhere(page, link, root)]


def leads_somewhere(page: Path, link: str, root: Path) -> bool:
    parts = urlsplit(link)
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.is_relative_to(root) or not target.exists():
        return False
    return not parts.fragment or unquote(parts.fragment) in anchors(target)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_links_and_headings_are_found() -> None:
    assert "docs/dialects.md" in links(ROOT / "README.md")
    assert "exit-codes" in anchors(ROOT / "README.md")
    assert "what-a-file-cannot-say" in anchors(ROOT / "docs" / "dialects.md")


@pytest.mark.parametrize("link", ["missing.md", "../outside.md", "#no-such-heading", "README.md#no-such-heading"])
def test_a_broken_link_is_found(tmp_path: Path, link: str) -> None:
    (tmp_path / "outside.md").touch()
    root = tmp_path / "root"
    root.mkdir()
    page = root / "README.md"
    page.write_text(
        f"# Heading\n\n[here]({link}), [fine](#heading), [away](https://example.org/x#y)\n\n```\n[a](b)\n```\n"
    )
    assert broken(page, root) == [link]
