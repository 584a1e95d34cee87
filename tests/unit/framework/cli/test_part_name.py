import pytest

from app.framework.cli.part_name import PartName, StarterError


@pytest.mark.parametrize(
    ("text", "spellings"),
    [
        ("poll", ("poll", "Poll", "poll")),
        ("poll-votes", ("poll_votes", "PollVotes", "pollVotes")),
        ("poll_votes", ("poll_votes", "PollVotes", "pollVotes")),
        ("PollVotes", ("poll_votes", "PollVotes", "pollVotes")),
        ("pollVotesGateway", ("poll_votes", "PollVotes", "pollVotes")),
        ("room2", ("room2", "Room2", "room2")),
    ],
)
def test_name_has_every_spelling_when_it_is_typed_in_one(
    text: str, spellings: tuple[str, str, str]
) -> None:
    """Any spelling of a name leads to the same names of files, classes and the event."""
    name = PartName.parse(text)

    assert spellings == (name.snake, name.pascal, name.camel)


@pytest.mark.parametrize(
    "text",
    ["", "2polls", "poll votes", "poll/votes", "../poll", "poll.py", "-poll", "pöll", "p" * 25],
)
def test_name_is_refused_when_no_class_or_file_could_have_it(text: str) -> None:
    """The error contains the rejected name."""
    with pytest.raises(StarterError, match="gateway; use"):
        PartName.parse(text)
