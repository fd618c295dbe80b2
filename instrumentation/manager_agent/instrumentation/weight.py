"""How much text a message holds, and how many pictures, sounds and files."""

from typing import Any, NamedTuple

_MEDIA = frozenset(
    {
        "image_url",
        "input_image",
        "input_audio",
        "input_file",
        "input_video",
        "video_url",
        "audio_url",
        "file",
        "image",
        "document",
        "container_upload",
        "item_reference",
        "image_generation_call",
    }
)
"""`type` of a part that is no text, as OpenAI and Anthropic have it."""
_MEDIA_KEYS = frozenset(
    {
        "inlineData",
        "inline_data",
        "fileData",
        "file_data",
        "image",
        "video",
        "document",
        "audio",
    }
)
"""Keys of a part that is no text, as Gemini and Bedrock have it; what they hold has a content."""
_CONTENT = frozenset({"data", "source", "fileUri", "file_uri", "bytes"})
_NO_TEXT = frozenset(
    {
        "type",
        "role",
        "id",
        "tool_call_id",
        "tool_use_id",
        "toolUseId",
        "call_id",
        "cache_control",
        "signature",
        "thoughtSignature",
        "thought_signature",
        "encrypted_content",
        "status",
    }
)


_BYTES_OF_TOKEN = 4
"""What a token that is given as a number weighs."""


class Weight(NamedTuple):
    """`text_bytes`: UTF-8 bytes of text. `media`: parts that are no text."""

    text_bytes: int
    media: int


Weighed = tuple[int | None, int]
"""As `Weight`, None where the text was not weighed."""
TEXT_ALONE: Weighed = (None, 0)
"""Of a prompt that was seen to be nothing but text."""


def utf8(words: str) -> int:
    """Return the bytes that a string takes in UTF-8."""
    return len(words) if words.isascii() else len(words.encode("utf-8", "surrogatepass"))


def weigh(value: Any) -> Weight:
    """Return what messages, tools or an answer weigh: all their strings but ids and media."""
    size = media = 0
    waiting = [value]  # a stack, for depth is the sender's to choose
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            size += utf8(item)
        elif isinstance(item, list):
            if item and isinstance(item[0], int):
                size += _BYTES_OF_TOKEN * len(item)
            else:
                waiting.extend(item)
        elif isinstance(item, dict):
            if ("type" in item or not _MEDIA_KEYS.isdisjoint(item)) and _is_media(item):
                media += 1
            else:
                waiting += [inner for key, inner in item.items() if key not in _NO_TEXT]
    return Weight(size, media)


def text_alone(value: Any) -> bool:
    """Tell whether messages hold no picture, sound or file; quicker than weighing them.

    False where that is not sure; where it is True, `weigh` finds none.
    """
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is dict:
            for key, inner in item.items():
                if type(inner) is str:
                    if key == "type" and inner in _MEDIA:
                        return False
                elif type(inner) is dict or type(inner) is list:
                    if key in _MEDIA_KEYS:
                        return False
                    waiting.append(inner)
        elif type(item) is list:
            waiting.extend(item)
    return True


def _is_media(part: dict[str, Any]) -> bool:
    kind = part.get("type")
    if isinstance(kind, str) and kind in _MEDIA:
        source = part.get("source")  # Anthropic's documents may be plain text
        return not (isinstance(source, dict) and source.get("type") in ("text", "content"))
    return any(
        isinstance(held := part.get(key), dict) and not _CONTENT.isdisjoint(held)
        for key in _MEDIA_KEYS
    )
