"""Secrets out of text: what looks like a key is shown as a key that was here."""

import re

MASK = "[secret]"

# What providers' and chats' keys begin with. Errors and names of agents are other people's text,
# and SDKs do put a key into an error now and then.
_KEYS = (
    r"sk-[A-Za-z0-9_\-]{8,}",  # OpenAI, Anthropic, and many who do as they do
    r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{8,}",
    r"xox[a-z]-[A-Za-z0-9\-]{8,}|xapp-[A-Za-z0-9\-]{8,}",  # Slack
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}",  # AWS
    r"AIza[A-Za-z0-9_\-]{20,}|ya29\.[A-Za-z0-9_\-.]{8,}",  # Google
    r"gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}|glpat-[A-Za-z0-9_\-]{16,}",
    r"hf_[A-Za-z0-9]{16,}|gsk_[A-Za-z0-9]{16,}|xai-[A-Za-z0-9]{16,}|r8_[A-Za-z0-9]{16,}",
    r"pypi-[A-Za-z0-9_\-]{16,}|npm_[A-Za-z0-9]{16,}|dop_v1_[a-f0-9]{16,}",
    r"eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{4,}(?:\.[A-Za-z0-9_\-]*)?",  # JSON Web Tokens
    r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_\-]+",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
)
_KEY = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_KEYS)})", re.DOTALL)
# Words after which a secret stands; the words stay.
_NAMED = re.compile(
    r"(?i)\b(bearer|basic)(\s+)(?=[a-z._~+/\-]*[0-9=]|\S{24})[A-Za-z0-9._~+/=\-]{8,}"
    r"|\b(api[_-]?key|x-api-key|password|passwd|secret|access[_-]?token|auth[_-]?token)"
    r"([\"']?\s*[=:]\s*[\"']?)(?!\[secret\])[^\s\"'&,;`]{4,}"
)
_IN_URL = re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)")


def masked(text: str) -> str:
    """Return `text` with `[secret]` where it holds what looks like a key, a token or a password."""
    without = _IN_URL.sub(MASK, _KEY.sub(MASK, text))
    return _NAMED.sub(_keep_the_word, without)


def _keep_the_word(found: re.Match[str]) -> str:
    scheme, space, name, sign = found.groups()
    return f"{scheme or name}{space or sign}{MASK}"
