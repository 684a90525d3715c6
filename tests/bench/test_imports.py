"""What a cold start spends on importing: CPU time in relation to boto3, so that machines compare."""

import pytest

from tests.functions_table import ratio
from tests.template import all_needs

DATABASE_MOST = 3.5
OTHERS_MOST = 2.0
# The ratio moves by some per cent from run to run, so a budget is judged at a second look.
LOOKS = 2


@pytest.mark.bench
def test_importing_a_handler_stays_within_its_budget() -> None:
    # The migration runs once for each deployment, and nobody waits for it.
    budgets = {
        name: DATABASE_MOST if needs.database else OTHERS_MOST
        for name, needs in all_needs()
        if name != "functions.migrating.upgrade"
    }
    over = dict(budgets)
    for _ in range(LOOKS):
        found = {name: ratio(name) for name in over}
        over = {name: found[name] for name in over if found[name] > budgets[name]}
    worst = max(found.items(), key=lambda one: one[1], default=("", 0))
    print(f"\nworst of the last look: {worst[0]} {worst[1]:.2f}")
    assert over == {}
