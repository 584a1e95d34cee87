from app.domain.credential import Revocation
from app.ports import RevocationBus


async def test_publish_succeeds_when_nobody_listens(revocation_bus: RevocationBus) -> None:
    await revocation_bus.publish(Revocation.of_session("sess_alice"))
