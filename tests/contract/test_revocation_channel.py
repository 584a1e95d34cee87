from app.domain.revocation import Revocation
from app.ports.revocation_channel import RevocationChannel


async def test_publish_succeeds_when_nobody_listens(revocation_channel: RevocationChannel) -> None:
    """Nobody to tell is no error; nothing is told to who does not run yet."""
    heard: list[Revocation] = []
    revocation_channel.listen(heard.append, lambda: None)

    await revocation_channel.publish(Revocation.of_session("sess_alice"))

    assert [] == heard
