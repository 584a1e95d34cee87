import os

import pytest

from bench.memory_curve import MemorySample, growth, memory_now


def _samples(*resident_kb: int) -> list[MemorySample]:
    return [MemorySample(600.0 * i, kb, 10, 1) for i, kb in enumerate(resident_kb)]


def test_growth_is_the_slope_after_the_warm_up() -> None:
    """Samples of the warm-up are ignored. 100 kB in ten minutes are 600 kB an hour."""
    found = growth(_samples(1_000, 50_000, 50_100, 50_200), warm_up_seconds=600)

    assert pytest.approx(600) == found.kb_per_hour
    assert pytest.approx(50_100) == found.mean_kb


def test_memory_is_flat_when_it_hardly_grows() -> None:
    """At 50 MB, a growth of 600 kB an hour counts as noise."""
    found = growth(_samples(50_000, 50_100, 50_200), warm_up_seconds=0)

    assert found.flat
    assert "Memory is flat after warm-up: +0.6 MiB an hour at 49 MiB." == found.sentence


def test_memory_is_not_flat_when_it_grows() -> None:
    """A growth by a tenth in an hour counts as a leak."""
    found = growth(_samples(50_000, 51_000, 52_000), warm_up_seconds=0)

    assert not found.flat
    assert found.sentence.startswith("Memory is not flat")


def test_sample_is_of_the_process() -> None:
    """A sample of the test's own process has plausible values."""
    sample = memory_now(os.getpid(), 12.0)

    assert 12.0 == sample.seconds
    assert sample.resident_kb > 1_000
    assert sample.open_files > 2
    assert sample.threads >= 1
