"""Which protocol is spoken at a path: what stands before the API's own part does not matter."""

import re
from collections.abc import Mapping
from urllib.parse import unquote

from manager_agent.app.demo.anthropic_messages import MESSAGES
from manager_agent.app.demo.bedrock_converse import CONVERSE
from manager_agent.app.demo.bedrock_invoke import INVOKE
from manager_agent.app.demo.gemini_content import GENERATE
from manager_agent.app.demo.gemini_embeddings import EMBED
from manager_agent.app.demo.openai_chat import CHAT
from manager_agent.app.demo.openai_completions import COMPLETIONS
from manager_agent.app.demo.openai_embeddings import EMBEDDINGS
from manager_agent.app.demo.openai_flavours import FLAVOURS
from manager_agent.app.demo.openai_responses import RESPONSES
from manager_agent.app.demo.wire import Json, Wire

_ENDINGS = {
    "/chat/completions": CHAT,  # before /completions, with which it ends, too
    "/completions": COMPLETIONS,
    "/responses": RESPONSES,
    "/embeddings": EMBEDDINGS,
    "/messages": MESSAGES,
}
_BEDROCK = re.compile(r"/model/(?P<model>.+)/(?P<method>converse|invoke)(?P<stream>-[a-z-]+)?$")
_BEDROCK_STREAMS = {"converse": "-stream", "invoke": "-with-response-stream"}
_GEMINI = re.compile(r"/models/(?P<model>[^/:]+):(?P<method>\w+)$")
_GEMINI_METHODS = {
    "generateContent": GENERATE,
    "streamGenerateContent": GENERATE,
    "embedContent": EMBED,
    "batchEmbedContents": EMBED,
}
_DEPLOYMENT = re.compile(r"/deployments/([^/]+)/")


def find(path: str) -> tuple[Wire, Json] | None:
    """Return the protocol at a path (percent-encoded), and what the path adds to the body.

    None where nothing is spoken.
    """
    return _openai(path) or _gemini(path) or _bedrock(path)


def _openai(path: str) -> tuple[Wire, Json] | None:
    for ending, wire in _ENDINGS.items():
        if path.endswith(ending):
            named = _DEPLOYMENT.search(path)
            deployed: Mapping[str, str] = {"model": unquote(named[1])} if named else {}
            return (_flavour(path) if wire is CHAT else wire), deployed
    return None


def _flavour(path: str) -> Wire:
    return next((FLAVOURS[part] for part in path.split("/") if part in FLAVOURS), CHAT)


def _gemini(path: str) -> tuple[Wire, Json] | None:
    found = _GEMINI.search(path)
    if found is None or found["method"] not in _GEMINI_METHODS:
        return None
    streaming = found["method"].startswith("stream")
    return _GEMINI_METHODS[found["method"]], {"model": unquote(found["model"]), "stream": streaming}


def _bedrock(path: str) -> tuple[Wire, Json] | None:
    found = _BEDROCK.search(path)
    if found is None or found["stream"] not in (None, _BEDROCK_STREAMS[found["method"]]):
        return None
    wire = CONVERSE if found["method"] == "converse" else INVOKE
    return wire, {"model": unquote(found["model"]), "stream": found["stream"] is not None}
