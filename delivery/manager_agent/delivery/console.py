"""Alerts on standard error: what people see until Slack is set up."""

import errno
import sys
from datetime import UTC
from typing import TextIO

from manager_agent.delivery.notifier import Failed, Outcome, Sent
from manager_agent.delivery.offload import in_daemon_thread
from manager_agent.delivery.plain import WIDTH, pairs, part
from manager_agent.delivery.wording import Card, card
from manager_agent.rules.message import Message

TIMEOUT_SECONDS = 5.0
"""How long the reader of standard error may be stuck."""

Frame = tuple[str, str, str, str, str]

_FRAME: Frame = ("┌", "│", "→", "└", "·")
_PLAIN_FRAME: Frame = ("+", "|", ">", "+", "-")


class Console:
    """Writes each message to `stream`, by default standard error, as a few framed lines."""

    name = "console"

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    async def send(self, message: Message) -> Outcome:
        """Write `message`; a closed stream is permanent, a full or stuck one is not."""
        stream = self._stream or sys.stderr
        text = draw(card(message), _frame(stream))
        try:
            await in_daemon_thread(lambda: _write(stream, text), TIMEOUT_SECONDS)
        except TimeoutError:
            return Failed("the console took no text for 5 s", permanent=False)
        except OSError as error:
            closed = error.errno in (errno.EPIPE, errno.EBADF)
            return Failed(f"the console: {error.strerror}", permanent=closed)
        except ValueError:
            return Failed("the console is closed", permanent=True)
        return Sent()


def draw(shown: Card, frame: Frame = _FRAME) -> str:
    """Return `shown` as lines of text that end in a newline."""
    top, side, arrow, bottom, dot = frame
    lines = [f"{top} {shown.severity.upper()} {dot} {shown.title}", f"{side} {shown.text}"]
    lines += [f"{side}   {line}" for line in pairs(shown.fields)]
    for section in shown.sections:
        lines += [side, *(f"{side} {line}" for line in part(section, WIDTH))]
    for said in (shown.done, shown.advice, shown.link):
        lines += [f"{side} {arrow} {said}"] if said else []
    when = f"{shown.ts.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    ends = (when, shown.kind, shown.reference)
    lines.append(f"{bottom} {f' {dot} '.join(end for end in ends if end)}")
    return "\n".join(lines) + "\n"


def _frame(stream: TextIO) -> Frame:
    try:
        "".join(_FRAME).encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return _PLAIN_FRAME
    return _FRAME


def _write(stream: TextIO, text: str) -> None:
    stream.write(text)  # in one piece, so that log lines do not come between
    stream.flush()
