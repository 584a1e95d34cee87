from app.domain.revocation import Revocation
from app.ports import RevocationBus


async def test_publish_succeeds_when_nobody_listens(revocation_channel: RevocationBus) -> None:
    """Nobody to tell is no error."""
    await revocation_channel.publish(Revocation.of_session("sess_alice"))
