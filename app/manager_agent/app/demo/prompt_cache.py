"""What a provider's prompt cache would say of a prompt: pure but for its memory of prefixes.

Tokens are counted as one per four characters, near enough to real tokenizers for a demonstration
and exact in itself: the same prompt always has the same count.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

CHARS_PER_TOKEN = 4
MIN_CACHED_TOKENS = 1024  # both providers cache nothing shorter
STEP_TOKENS = 128  # OpenAI caches in steps of this many tokens
MAX_PREFIXES = 100_000


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a prompt in the order the model reads it.

    `marked`: the client asked to cache up to the end of it (Anthropic's `cache_control`).
    """

    text: str
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """A counted prompt, in tokens: `total` contains `cache_read` and `cache_write`."""

    total: int
    cache_read: int = 0
    cache_write: int = 0


def tokens(text: str) -> int:
    """Return how many tokens `text` has, at least 1."""
    return max(1, -(-len(text) // CHARS_PER_TOKEN))


class PromptCache:
    """Remembers prefixes of prompts; emptied when full, as a real cache may be at any time."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def automatic(self, model: str, segments: Sequence[Segment]) -> Prompt:
        """Count a prompt as OpenAI does: the longest known prefix, in steps, is a cache read."""
        text = "".join(segment.text for segment in segments)
        step = STEP_TOKENS * CHARS_PER_TOKEN
        ends = range(MIN_CACHED_TOKENS * CHARS_PER_TOKEN, len(text) + 1, step)
        read = self._longest(_digests(model, text, ends))
        return Prompt(tokens(text), cache_read=read // CHARS_PER_TOKEN)

    def marked(self, model: str, segments: Sequence[Segment]) -> Prompt:
        """Count a prompt as Anthropic does: read up to the last known mark, write up to the last.

        Marks before `MIN_CACHED_TOKENS` are ignored.
        """
        text, ends = "", list[int]()
        for segment in segments:
            text += segment.text
            if segment.marked and len(text) >= MIN_CACHED_TOKENS * CHARS_PER_TOKEN:
                ends.append(len(text))
        read = self._longest(_digests(model, text, ends)) // CHARS_PER_TOKEN
        last = ends[-1] // CHARS_PER_TOKEN if ends else 0
        return Prompt(tokens(text), cache_read=read, cache_write=last - read)

    def _longest(self, digests: Iterator[tuple[int, bytes]]) -> int:
        """Return the end of the longest known prefix (0: none) and remember them all."""
        longest, new = 0, set[bytes]()
        for end, digest in digests:
            if digest in self._seen:
                longest = end
            new.add(digest)
        if len(self._seen) > MAX_PREFIXES:
            self._seen.clear()
        self._seen |= new
        return longest


def _digests(model: str, text: str, ends: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    running, start = blake2b(model.encode(), digest_size=16), 0
    for end in ends:
        running.update(text[start:end].encode())
        start = end
        yield end, running.digest()
