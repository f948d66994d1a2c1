# SPDX-License-Identifier: Apache-2.0
"""Figures with their targets, as a table in Markdown."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured number."""

    title: str
    value: float
    unit: str = "instructions"
    at_most: float | None = None
    at_least: float | None = None

    @property
    def good(self) -> bool:
        """Is the target met? A figure without one always is."""
        return ((self.at_most is None or self.value <= self.at_most)
                and (self.at_least is None or self.value >= self.at_least))

    def target(self) -> str:
        if self.at_most is not None:
            return f"≤ {_number(self.at_most)}"
        if self.at_least is not None:
            return f"≥ {_number(self.at_least)}"
        return ""


@dataclass(frozen=True)
class Bar:
    """One bar of the picture: a throughput in parts of the C handler's."""

    name: str
    value: float
    ours: bool = False


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}"


def table(figures: Iterable[Figure]) -> str:
    """Markdown; a missed target is in bold."""
    lines = ["| what | measured | target |", "|---|---|---|"]
    for figure in figures:
        value = f"{_number(figure.value)} {figure.unit}".rstrip()
        lines.append(f"| {figure.title} | "
                     f"{value if figure.good else f'**{value}**'} | "
                     f"{figure.target()} |")
    return "\n".join(lines) + "\n"
