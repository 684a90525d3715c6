"""What no template may say, read from their text: what a browser would run, and what would not be escaped."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from dealbrain import templating
from infra.local import hosted

TEMPLATES = [*sorted(templating.FOLDER.glob("*.html")), Path(hosted.__file__).with_name("hosted.html")]
by_template = pytest.mark.parametrize("file", TEMPLATES, ids=[file.name for file in TEMPLATES])

RUNS = (
    r"""<style|<script(?![^>]*\bsrc=|\ type="application/ld\+json")|[\s"'](on\w+|style)\s*="""
    r"""|javascript:|srcdoc|hx-on"""
)


def words(file: Path) -> str:
    """A template without its comments."""
    return re.sub(r"\{#.*?#\}", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)


def running(text: str) -> list[str]:
    """What of a template's markup a browser would run."""
    return [found[0] for found in re.finditer(RUNS, re.sub(r"\{[{%].*?[%}]\}", "", text, flags=re.DOTALL))]


def unescaped(text: str) -> list[str]:
    """What is called safe though it is not written in the template itself, letter by letter."""
    rest = re.sub(r"'[^']*'\s*\|\s*safe\b", "", text)
    return re.findall(r"\|\s*safe\b|Markup|autoescape", rest)


@by_template
def test_nothing_that_runs_and_no_style_stands_in_a_template(file: Path) -> None:
    assert running(words(file)) == []


@by_template
def test_nothing_is_called_safe_but_what_the_template_says_itself(file: Path) -> None:
    assert unescaped(words(file)) == []


@pytest.mark.parametrize(
    "text",
    [
        "<p onclick='x()'>",
        '<a href="x"onclick=x>',
        '<p style="x">',
        "<script>x()</script>",
        "<style>p {}</style>",
        '<a href="javascript:x()">',
        '<b hx-on:click="x">',
    ],
)
def test_what_would_run_is_found(text: str) -> None:
    assert running(text)


@pytest.mark.parametrize("text", ["{{ name | safe }}", "{{ f('x') | safe }}", "{% autoescape false %}"])
def test_what_would_not_be_escaped_is_found(text: str) -> None:
    assert unescaped(text)


def test_a_score_of_nought_is_a_score() -> None:
    metrics = SimpleNamespace(score_composite=0.0)
    listing = SimpleNamespace(performance=SimpleNamespace(metrics=metrics))
    template = templating.templates().get_template("ui.html")
    assert ">0</span>" in str(template.make_module().score(listing))  # type: ignore[attr-defined]  # a macro
