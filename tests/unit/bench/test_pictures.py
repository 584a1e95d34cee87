"""Tests bench/picture.py, bench/memory_curve.py and bench/svg.py."""

from xml.etree import ElementTree as ET

from bench.measured_servers import PEERS
from bench.memory_curve import MemorySample, draw_memory
from bench.picture import draw
from bench.svg import element, text
from tests.unit.bench.runs import example_run, run

SVG = "{http://www.w3.org/2000/svg}"


def test_picture_has_a_dot_for_each_figure_and_server() -> None:
    """The picture has dots for three acks and a delivery, and its legend names the servers."""
    picture = ET.fromstring(draw(example_run()))  # noqa: S314 - our own

    dots = [dot[0].text for dot in picture.iter(f"{SVG}circle") if len(dot)]
    words = {each.text for each in picture.iter(f"{SVG}text")}

    assert ["NestJS: 280 µs", "raw socket.io: 12 µs", "ours: 10 µs", "ours: 3 µs"] == dots
    assert {PEERS[name].title for name in ("ours", "nest", "socketio")} <= words


def test_picture_is_well_formed_when_nothing_was_measured() -> None:
    """Rows without a measurement have no dots."""
    assert f"{SVG}svg" == ET.fromstring(draw(run())).tag  # noqa: S314 - our own


def test_memory_curve_is_well_formed() -> None:
    """The curve has a point for each sample."""
    samples = [MemorySample(float(second), 60_000, 2_010, 1) for second in range(0, 60, 10)]

    picture = ET.fromstring(draw_memory(samples, "a machine & a date"))  # noqa: S314 - our own

    (line,) = picture.iter(f"{SVG}polyline")
    assert 6 == len(line.attrib["points"].split())


def test_words_are_escaped() -> None:
    """A processor's name may contain an ampersand."""
    assert '<text x="1" y="2">a &lt; b &amp; c</text>' == text("a < b & c", 1, 2)
    assert '<line stroke-width="1.5" class="&quot;"/>' == element(
        "line", stroke_width=1.5, class_='"'
    )
