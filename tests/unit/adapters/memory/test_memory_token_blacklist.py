from app.adapters.memory.manual_clock import ManualClock
from app.adapters.memory.memory_token_blacklist import FIRST_SWEEP, MemoryTokenBlacklist


async def test_ended_entries_are_swept_out_when_the_log_has_grown() -> None:
    """Memory follows what is in force, not what ever was."""
    clock = ManualClock()
    blacklist = MemoryTokenBlacklist(clock)
    await blacklist.add("kept", ttl_seconds=3_600)
    for number in range(10 * FIRST_SWEEP):
        await blacklist.add(f"token-{number}", ttl_seconds=1)
        clock.advance(0.01)

    assert await blacklist.contains("kept")
    assert len(blacklist._log) <= FIRST_SWEEP
    assert len(blacklist._ends_at) <= FIRST_SWEEP
