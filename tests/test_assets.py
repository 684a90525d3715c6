"""What pages fetch: our own files without what they tell who changes them, others' as they came."""

import pytest

from dealbrain import assets

OWN = ("app.css", "app.js", "workspace.js")


def served(name: str) -> str:
    found = assets.served()[assets.address(name).removeprefix(assets.PATH)]
    return found.content.decode()


@pytest.mark.parametrize("name", ["app.js", "workspace.js"])
def test_every_line_that_does_something_is_served_in_its_order(name: str) -> None:
    rest = iter(served(name).splitlines())
    lines = (assets.FOLDER / name).read_text(encoding="utf-8").splitlines()
    code = [line for line in lines if not line.strip().startswith("//")]
    assert [line for line in code if line not in rest] == []


def test_every_rule_of_the_style_is_served() -> None:
    source = (assets.FOLDER / "app.css").read_text(encoding="utf-8")
    assert served("app.css").count("{") == source.count("{")


@pytest.mark.parametrize("name", OWN)
def test_no_line_that_tells_something_is_served(name: str) -> None:
    own = served(name).rpartition('"use strict"')[2]
    assert [line for line in own.splitlines() if line.strip().startswith(("//", "/*"))] == []


@pytest.mark.parametrize("name", OWN)
def test_there_is_something_to_leave_out(name: str) -> None:
    source = (assets.FOLDER / name).read_text(encoding="utf-8")
    assert any(line.strip().startswith(("//", "/*")) for line in source.splitlines())


@pytest.mark.parametrize(
    ("name", "file"), [("app.js", "htmx-4.0.1.min.js"), ("sortable.js", "sortable-1.15.7.min.js")]
)
def test_what_others_wrote_is_served_as_it_came(name: str, file: str) -> None:
    assert (assets.FOLDER / file).read_text(encoding="utf-8") in served(name)
