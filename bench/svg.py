"""Writes SVG elements; the colours are readable on light and dark pages."""

from html import escape

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; }
.small { font-size: 11px; fill: #57606a; }
.grid { stroke: #d0d7de; stroke-width: 1; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .small { fill: #9198a1; }
  .grid { stroke: #30363d; }
}
"""


def element(name: str, *children: str, **attributes: object) -> str:
    """Return an element. ``children`` are SVG; ``_`` in the name of an attribute becomes ``-``."""
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_value(value))}"'
        for key, value in attributes.items()
    )
    return f"<{name}{pairs}>{''.join(children)}</{name}>" if children else f"<{name}{pairs}/>"


def text(words: str, x: float, y: float, **attributes: object) -> str:
    """Return a text whose baseline begins at these coordinates."""
    return element("text", escape(words), x=x, y=y, **attributes)


def document(width: float, height: float, label: str, *children: str) -> str:
    """Return a complete SVG document; screen readers read ``label``."""
    return (
        element(
            "svg",
            element("style", STYLE),
            *(f"\n{child}" for child in children),
            "\n",
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {width:g} {height:g}",
            width=width,
            height=height,
            role="img",
            aria_label=label,
        )
        + "\n"
    )


def _value(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
