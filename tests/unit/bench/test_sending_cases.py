import pytest

from bench.sending_cases import CASES, Case, membership


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_channel_has_the_members_of_its_case(case: Case) -> None:
    """`membership` gives each channel of a case the number of members that the case states."""
    members = [
        [user for user, channels in membership().items() if f"{case.name}-{room}" in channels]
        for room in range(1, case.rooms + 1)
    ]

    assert [case.members] * case.rooms == [len(each) for each in members]
