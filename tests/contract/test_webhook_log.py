from collections.abc import Callable

from app.ports import WebhookLog


async def test_a_message_is_contained_when_it_was_added(webhook_log: WebhookLog) -> None:
    """The log contains only messages that were added."""
    await webhook_log.add("msg_1", ttl_seconds=60)

    assert await webhook_log.contains("msg_1")
    assert not await webhook_log.contains("msg_2")


async def test_a_message_is_contained_only_until_its_time_is_over(
    webhook_log: WebhookLog, let_pass: Callable[[float], None]
) -> None:
    await webhook_log.add("msg_1", ttl_seconds=60)

    let_pass(55)
    until_the_end = await webhook_log.contains("msg_1")
    let_pass(10)
    afterwards = await webhook_log.contains("msg_1")

    assert (True, False) == (until_the_end, afterwards)


async def test_a_message_is_kept_as_long_when_it_is_added_again(
    webhook_log: WebhookLog, let_pass: Callable[[float], None]
) -> None:
    """Adding a message again with a shorter TTL does not shorten the first TTL."""
    await webhook_log.add("msg_1", ttl_seconds=60)
    await webhook_log.add("msg_1", ttl_seconds=5)

    let_pass(55)

    assert await webhook_log.contains("msg_1")
