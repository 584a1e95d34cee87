"""Samples the memory of a process, detects growth and draws a curve."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, linear_regression

from bench.svg import document, element, text

FLAT_SHARE_PER_HOUR = 0.05
"""Growth per hour up to this share of the mean memory is noise in a run of 20 minutes."""

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 860.0, 260.0, 70.0, 40.0, 56.0


@dataclass(frozen=True, slots=True)
class MemorySample:
    """The memory, files and threads of a process at one time, as the kernel counts them."""

    seconds: float
    resident_kb: int
    open_files: int
    threads: int


@dataclass(frozen=True, slots=True)
class Growth:
    """The slope of memory over time, by least squares, and the mean memory."""

    kb_per_hour: float
    mean_kb: float

    @property
    def flat(self) -> bool:
        """Return whether the growth is within the noise."""
        return self.kb_per_hour <= self.mean_kb * FLAT_SHARE_PER_HOUR

    @property
    def sentence(self) -> str:
        """Describe the growth in a sentence."""
        verdict = "flat" if self.flat else "not flat"
        return (
            f"Memory is {verdict} after warm-up: {self.kb_per_hour / 1024:+.1f} MiB an hour "
            f"at {self.mean_kb / 1024:.0f} MiB."
        )


def memory_now(pid: int, seconds: float) -> MemorySample:
    """Read the memory, open files and threads of a process."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return MemorySample(
        seconds=seconds,
        resident_kb=int(status["VmRSS"].split()[0]),
        open_files=sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()),
        threads=int(status["Threads"]),
    )


def growth(samples: Sequence[MemorySample], warm_up_seconds: float) -> Growth:
    """Fit a line to the samples after the warm-up, of which there must be at least two."""
    counted = [each for each in samples if each.seconds >= warm_up_seconds]
    memory = [each.resident_kb for each in counted]
    slope = linear_regression([each.seconds for each in counted], memory).slope
    return Growth(kb_per_hour=slope * 3600, mean_kb=fmean(memory))


def draw_memory(samples: Sequence[MemorySample], caption: str) -> str:
    """Draw the resident memory over time as SVG; the axis starts at zero."""
    most = max(each.resident_kb for each in samples) * 1.2
    last = samples[-1].seconds or 1
    floor = _HEIGHT - _BOTTOM

    def x(seconds: float) -> float:
        return _LEFT + seconds / last * (_WIDTH - _LEFT - 20)

    def y(kb: float) -> float:
        return floor - kb / most * (floor - _TOP)

    def level(kb: float) -> str:
        line = element("line", x1=_LEFT, x2=_WIDTH - 20, y1=y(kb), y2=y(kb), class_="grid")
        return line + text(f"{kb / 1024:.0f} MiB", 12, y(kb) + 4, class_="small")

    points = " ".join(f"{x(each.seconds):.1f},{y(each.resident_kb):.1f}" for each in samples)
    title = "Memory of the server while people connect, chat and disconnect"
    return document(
        _WIDTH,
        _HEIGHT,
        f"{title}. {caption}",
        text(title, 12, 22, class_="title"),
        *(level(most * share) for share in (0, 0.5, 1)),
        element("polyline", points=points, fill="none", stroke="#1a9b50", stroke_width=2),
        text("0 min", x(0), floor + 18, class_="small"),
        text(f"{last / 60:.0f} min", x(last), floor + 18, class_="small", text_anchor="end"),
        text(caption, 12, _HEIGHT - 12, class_="small"),
    )
