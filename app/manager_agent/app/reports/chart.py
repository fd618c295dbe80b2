"""A small picture of what each day cost, stacked by agent: drawn from a message alone.

Pure, so that it can be drawn again when a message waits in the outbox for a Slack that is down.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from manager_agent.app.reports.tables import COST_BY_DAY
from manager_agent.app.reports.words import UNKNOWN
from manager_agent.rules.message import Message, Section

SIZE = (960, 420)
_SCALE = 2  # for screens with two dots where there was one
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 30, 78, 40
_COLOURS = ("#3b6fb6", "#e08a2e", "#4f9d69", "#a9548f", "#9aa1a9")
"""Of agents in order, the last of the others; they differ in brightness, too."""
_INK, _FAINT, _PAPER = "#1f2328", "#d8dce0", "#ffffff"
_LEGEND_CHARACTERS = 22
_LINES = 4


@dataclass(frozen=True, slots=True)
class Series:
    """USD a day: `names` of the parts of a bar from below, a row of `parts` for each of `days`."""

    names: Sequence[str]
    days: Sequence[str]
    parts: Sequence[Sequence[Decimal]]


def chart(message: Message) -> bytes | None:
    """Return a PNG of what each day cost; None for a message that tells no cost by day."""
    for section in message.sections:
        found = _series(section) if section.title == COST_BY_DAY else None
        if found is not None:
            return _png(found)
    return None


def _series(section: Section) -> Series | None:
    """Return what a section says in numbers; None where that is nothing, or no calls cost any."""
    try:
        parts = [[_usd(cell) for cell in row[1:-1]] for row in section.rows]
    except InvalidOperation:
        return None
    if not any(map(any, parts)):
        return None
    used = [place for place in range(len(parts[0])) if any(row[place] for row in parts)]
    names = [section.columns[1:-1][place] for place in used]
    return Series(
        names, [row[0] for row in section.rows], [[row[place] for place in used] for row in parts]
    )


def _usd(cell: str) -> Decimal:
    """Return what is known of a cost: `$1.20`, `at least $1.20`; nothing of one that is unknown."""
    if cell == UNKNOWN:
        return Decimal(0)
    return Decimal(cell.rpartition("$")[2].replace(",", ""))


def _png(series: Series) -> bytes:
    image = Image.new("RGB", (SIZE[0] * _SCALE, SIZE[1] * _SCALE), _PAPER)
    pen = _Pen(ImageDraw.Draw(image))
    top = _nice(max(sum(row, Decimal(0)) for row in series.parts))
    _axis(pen, top)
    _legend(pen, series.names)
    _bars(pen, series, top)
    buffer = BytesIO()
    image.quantize(64).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


class _Pen:
    """Draws in points, whatever the picture's dots."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw
        self._fonts = {size: ImageFont.load_default(size * _SCALE) for size in (13, 17)}

    def box(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        corners = (left * _SCALE, top * _SCALE, right * _SCALE - 1, bottom * _SCALE - 1)
        self._draw.rectangle(corners, fill=colour)

    def text(self, x: float, y: float, text: str, anchor: str = "lm", size: int = 13) -> None:
        font = self._fonts[size]
        self._draw.text((x * _SCALE, y * _SCALE), text, fill=_INK, font=font, anchor=anchor)

    def width(self, text: str) -> float:
        return float(self._draw.textlength(text, font=self._fonts[13])) / _SCALE


def _axis(pen: _Pen, top: Decimal) -> None:
    pen.text(_LEFT, 22, "Cost by day, USD", size=17)
    for step in range(_LINES + 1):
        share = step / _LINES
        y = _y(share)
        pen.box(_LEFT, y, SIZE[0] - _RIGHT, y + 1, _FAINT)
        pen.text(_LEFT - 8, y, _label(top * step / _LINES, top / _LINES), anchor="rm")


def _legend(pen: _Pen, names: Sequence[str]) -> None:
    x = float(_LEFT)
    for place, name in enumerate(names):
        pen.box(x, 45, x + 12, 57, _colour(place, len(names), name))
        shown = _shown(name)
        pen.text(x + 18, 51, shown)
        x += 18 + pen.width(shown) + 22


def _bars(pen: _Pen, series: Series, top: Decimal) -> None:
    slot = (SIZE[0] - _LEFT - _RIGHT) / len(series.days)
    for number, (day, parts) in enumerate(zip(series.days, series.parts, strict=True)):
        left = _LEFT + number * slot
        low = Decimal(0)
        for place, part in enumerate(parts):
            high = low + part
            colour = _colour(place, len(parts), series.names[place])
            if part:
                box = (left + slot * 0.18, _y(high / top), left + slot * 0.82, _y(low / top))
                pen.box(*box, colour)
            low = high
        pen.text(left + slot / 2, SIZE[1] - _BOTTOM + 16, day[5:], anchor="mm")


def _y(share: float | Decimal) -> float:
    return SIZE[1] - _BOTTOM - float(share) * (SIZE[1] - _TOP - _BOTTOM)


def _colour(place: int, count: int, name: str) -> str:
    last = place == count - 1 and name == "others"
    return _COLOURS[-1] if last else _COLOURS[min(place, len(_COLOURS) - 2)]


def _nice(most: Decimal) -> Decimal:
    """Return the next of 1, 2, 4, 6, 8, 10 times a power of ten; its quarters are easy to read."""
    power = Decimal(1).scaleb(most.adjusted())
    return next(power * step for step in (1, 2, 4, 6, 8, 10) if power * step >= most)


def _label(amount: Decimal, step: Decimal) -> str:
    """Return an amount with as many places as the `step` from line to line has."""
    exponent = step.normalize().as_tuple().exponent
    places = 0 if step == step.to_integral_value() else max(2, -int(exponent))
    return f"${amount:,.{places}f}"


def _shown(name: str) -> str:
    """Return a name that the font can draw, cut to what fits."""
    known = "".join(c if c.isascii() and c.isprintable() else "?" for c in name)
    cut = len(known) > _LEGEND_CHARACTERS
    return known[: _LEGEND_CHARACTERS - 3] + "..." if cut else known
