from app.concurrency.bounded_dict import BoundedDict


def filled(max_items: int, *keys: str) -> BoundedDict[str, int]:
    """Return a dict whose keys were set in this order, to the values 0, 1, 2 and so on."""
    made: BoundedDict[str, int] = BoundedDict(max_items)
    for number, key in enumerate(keys):
        made[key] = number
    return made


def test_nothing_is_deleted_when_the_dict_is_just_full() -> None:
    assert {"a": 0, "b": 1} == filled(2, "a", "b")


def test_oldest_item_is_deleted_when_one_more_is_set() -> None:
    assert {"b": 1, "c": 2} == filled(2, "a", "b", "c")


def test_item_becomes_the_newest_when_it_is_set_again() -> None:
    assert {"a": 2, "c": 3} == filled(2, "a", "b", "a", "c")


def test_order_stays_when_an_item_is_read() -> None:
    read = filled(2, "a", "b")

    _ = read["a"], read.get("a")
    read["c"] = 2

    assert ["b", "c"] == list(read)


def test_dict_stays_bounded_when_it_is_updated() -> None:
    """The limit also applies to `dict.update` and `dict.setdefault`."""
    bounded = filled(2, "a")

    bounded.update({"b": 1, "c": 2})
    bounded.setdefault("d", 3)

    assert ["c", "d"] == list(bounded)


def test_there_is_room_when_an_item_was_deleted() -> None:
    bounded = filled(2, "a", "b")

    del bounded["a"]
    bounded["c"] = 2

    assert ["b", "c"] == list(bounded)
