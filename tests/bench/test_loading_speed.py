"""How long the operator waits for a marketplace's list."""

import time

import pytest

from dealbrain.identity import Person
from infra.local import loading
from infra.local.demo import MARKS, OFFERS
from infra.local.issuer import subject
from tests.makers import rows

SECONDS_MOST = 20


@pytest.mark.bench
@pytest.mark.usefixtures("api")
def test_the_real_list_is_loaded_in_time() -> None:
    total = sum(1 for _ in rows(OFFERS.name))
    loading.processors(MARKS)
    took = []
    for _ in range(2):
        begun = time.monotonic()
        fates = loading.offers(OFFERS, Person(subject("ada"), "ada"))
        took.append(time.monotonic() - begun)
        assert len(fates) == total
    print(f"\n{total} rows: {took[0]:.1f} s, and {took[1]:.1f} s when they are there already")
    assert took[0] <= SECONDS_MOST
