# SPDX-License-Identifier: Apache-2.0
"""A bar chart as SVG that GitHub shows on light and on dark pages."""
from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .figures import Bar

WIDTH, ROW, TOP, LABELS = 760, 30, 48, 300
OURS, OTHERS = "#2b6cb0", "#a0aec0"

STYLE = """\
text { font: 14px system-ui, sans-serif; fill: #1a202c }
.title { font-weight: 600; font-size: 16px }
@media (prefers-color-scheme: dark) { text { fill: #e2e8f0 } }"""


def svg(title: str, bars: Sequence[Bar]) -> str:
    """The picture; 1.0, what C reaches, is a line from top to bottom."""
    height = TOP + ROW * len(bars) + 16
    scale = (WIDTH - LABELS - 70) / max(1.0, *(bar.value for bar in bars))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
        f'height="{height}" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>",
        f'<text class="title" x="10" y="24">{escape(title)}</text>']
    for n, bar in enumerate(bars):
        y = TOP + n * ROW
        width = bar.value * scale
        lines += [
            f'<text x="{LABELS - 10}" y="{y + 16}" text-anchor="end">'
            f"{escape(bar.name)}</text>",
            f'<rect x="{LABELS}" y="{y + 2}" width="{width:.1f}" '
            f'height="{ROW - 10}" rx="3" '
            f'fill="{OURS if bar.ours else OTHERS}"/>',
            f'<text x="{LABELS + width + 8:.1f}" y="{y + 16}">'
            f"{bar.value:.2f}</text>"]
    line = LABELS + scale
    lines += [f'<line x1="{line:.1f}" x2="{line:.1f}" y1="{TOP - 8}" '
              f'y2="{height - 12}" stroke="#e53e3e" stroke-dasharray="4 3"/>',
              "</svg>"]
    return "\n".join(lines) + "\n"
