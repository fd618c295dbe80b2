"""Plain text into Slack's mrkdwn, so that nobody's name becomes a mention, a link or a style."""

from datetime import UTC, datetime

from manager_agent.delivery.text import shorten


def escape(text: str) -> str:
    """Return `text` with Slack's three control characters as entities: `<!channel>` is a word."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """Return `text` as a code span; a backtick, which would end it, becomes a quote."""
    return f"`{escape(text.replace('`', chr(39)))}`"


def date(at: datetime) -> str:
    """Return a time that Slack shows in each reader's own time zone."""
    fallback = f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} at {{time}}|{fallback}>"


def fit(markup: str, limit: int) -> str:
    """Return markup within Slack's `limit`, no span, entity or number cut; never empty."""
    return shorten(markup, limit) or "–"


def link(url: str, words: str) -> str:
    """Return a link to a page of ours; nothing in the URL can end it or begin another."""
    safe = escape(url).replace("|", "%7C").replace(" ", "%20")
    return f"<{safe}|{escape(words).replace('|', '/')}>"
