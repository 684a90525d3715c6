"""Charts: where prices stand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from dealbrain import templating
from dealbrain.charts import Course, Seen, course

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def seen(*prices: str, days: tuple[int, ...] | None = None) -> list[Seen]:
    found = days or tuple(range(len(prices)))
    return [(MONDAY + timedelta(days=day), Decimal(price)) for day, price in zip(found, prices, strict=True)]


def drawn(points: list[Seen]) -> Course:
    return course(points, 96, 28, 4)


def test_the_first_price_stands_left_and_the_last_one_right() -> None:
    dots = drawn(seen("300", "280", "310")).dots
    assert (dots[0][0], dots[-1][0]) == ("4", "92")


def test_the_dearest_stands_above_and_the_cheapest_below() -> None:
    assert [y for _, y in drawn(seen("300", "280", "320")).dots] == ["14", "24", "4"]


def test_days_are_as_wide_as_they_are_long() -> None:
    assert [x for x, _ in drawn(seen("3", "2", "1", days=(0, 1, 4))).dots] == ["4", "26", "92"]


def test_a_price_stays_until_the_next_one_is_seen() -> None:
    assert drawn(seen("300", "280")).path == "M4 4H92V24"


def test_a_price_that_never_changes_is_a_line_in_the_middle() -> None:
    assert [y for _, y in drawn(seen("300", "300")).dots] == ["14", "14"]


def test_prices_of_one_moment_stand_beside_each_other() -> None:
    assert [x for x, _ in drawn(seen("3", "2", "1", days=(0, 0, 0))).dots] == ["4", "48", "92"]


def test_a_clock_that_went_back_turns_no_line_back() -> None:
    assert [x for x, _ in drawn(seen("3", "2", "1", days=(0, 4, 2))).dots] == ["4", "92", "92"]


def test_a_cent_of_millions_is_a_difference() -> None:
    assert [y for _, y in drawn(seen("9999999.98", "9999999.99")).dots] == ["24", "4"]


@pytest.mark.parametrize("prices", [(), ("300",)])
def test_a_single_price_has_no_course(prices: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="two prices"):
        drawn(seen(*prices))


def sparkline(points: list[Seen]) -> str:
    template = '{% from "ui.html" import sparkline %}{{ sparkline(points) }}'
    return templating.templates().from_string(template).render(points=points).strip()


def test_a_small_chart_says_in_words_what_it_shows() -> None:
    assert 'aria-label="Price seen: $300 on 2 Mar 2026, $280.50 on 3 Mar 2026"' in sparkline(
        seen("300", "280.50")
    )


def test_a_small_chart_is_styled_by_nothing_the_policy_forbids() -> None:
    assert "style" not in sparkline(seen("300", "280"))


def test_where_the_price_never_changed_there_is_no_small_chart() -> None:
    assert sparkline(seen("300")) == ""
