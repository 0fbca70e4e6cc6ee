"""Numbers as text for people."""

from __future__ import annotations

import math


def number(value: float | None, scale: float) -> str:
    """A value times its scale with one decimal, with two where it is small and not shown in per cent; ``n/a`` for None.

    >>> number(0.91374, 100.0), number(0.94913, 1.0), number(151.0, 1.0), number(-0.0004, 1.0), number(1e80, 1.0)
    ('91.4', '0.95', '151.0', '0.00', '1e+80')
    """
    if value is None:
        return "n/a"
    digits = 2 if scale == 1 and abs(value) < 10 else 1
    return fixed(scale * value, digits)


def signed(value: float | None, scale: float, digits: int | None = None) -> str:
    """A difference times its scale, with its sign: one decimal for points, two where a metric is shown as it is, or `digits`.

    >>> signed(0.0314, 100.0), signed(-0.25, 1.0), signed(-0.00001, 100.0), signed(None, 100.0), signed(0.0314, 100.0, 2)
    ('+3.1', '-0.25', '+0.0', 'n/a', '+3.14')
    """
    if value is None:
        return "n/a"
    shown = (1 if scale >= 10 else 2) if digits is None else digits
    return fixed(scale * value, shown, "+")


def fixed(value: float, digits: int, sign: str = "") -> str:
    """A number with so many decimals, without a sign where it is rounded to 0; one with more than fifteen digits as a power of ten.

    `sign`: ``+`` to show that of positive numbers too.
    """
    return f"{value:{sign}.3g}" if abs(value) >= 1e15 else f"{round(value, digits) + 0.0:{sign}.{digits}f}"


def figure(value: float | None) -> str:
    """Three digits, or all before the point.

    >>> figure(1234.5), figure(0.012345), figure(None)
    ('1,234', '0.0123', 'n/a')
    """
    if value is None:
        return "n/a"
    return f"{value:,.0f}" if value >= 100 else f"{value + 0.0:.3g}"


def amount(value: int) -> str:
    """A count with three digits and a unit.

    >>> amount(244_528), amount(1_200_000), amount(512)
    ('245k', '1.20M', '512')
    """
    if value >= 999_500:
        return f"{value / 1e6:.{2 if value < 9.995e6 else 1}f}M"
    return f"{value / 1e3:.{1 if value < 99_950 else 0}f}k" if value >= 1000 else str(value)


def percent(share: float) -> str:
    """A share of 1 with two decimals, none where it is all or nothing.

    >>> percent(0.98765), percent(1.0)
    ('98.77 %', '100 %')
    """
    return f"{100 * share:.{0 if share in (0.0, 1.0) else 2}f} %"


def level_text(level: float) -> str:
    """The level of an interval, with two digits of what lies outside of it.

    >>> level_text(0.9), level_text(0.95), level_text(1 - 0.1 / 3), level_text(0.99995)
    ('90 %', '95 %', '96.7 %', '99.995 %')
    """
    outside = 100 * (1 - level)
    digits = 1 if outside <= 0 else max(1 - math.floor(math.log10(outside)), 0)
    shown = f"{100 * level:.{digits}f}"
    return f"{shown.rstrip('0').rstrip('.') if '.' in shown else shown} %"


def byte_size(value: int | None) -> str:
    """Bytes for people.

    >>> byte_size(1_200_000_000)
    '1.20 GB'
    """
    if value is None:
        return "n/a"
    return f"{value / 1e9:.2f} GB" if value >= 1e9 else f"{value / 1e6:.0f} MB"
