"""Names: which seller a provider's name means, and under which names a model may be priced."""

import re
from collections.abc import Iterable, Iterator, Sequence

LONGEST_NAME = 256
"""A longer model name is no model; it is never looked up or kept."""

GENAI_ID = {
    "anthropic": "anthropic",
    "aws.bedrock": "aws",
    "azure.ai.openai": "azure",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks_ai": "fireworks",
    "gcp.gemini": "google",
    "gcp.vertex_ai": "google",
    "groq": "groq",
    "minimax": "minimax",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "novita": "novita",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together_ai": "together",
    "voyage_ai": "voyageai",
    "x_ai": "x-ai",
    "zai": "zai",
}
"""Our canonical provider -> genai-prices' id."""

CANONICAL = {
    "amazon": "aws.bedrock",
    "amazon-bedrock": "aws.bedrock",
    "aws": "aws.bedrock",
    "az.ai.inference": "azure.ai.openai",
    "az.ai.openai": "azure.ai.openai",
    "azure": "azure.ai.openai",
    "azure-openai": "azure.ai.openai",
    "azure.ai.inference": "azure.ai.openai",
    "azure_ai": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "fireworks": "fireworks_ai",
    "gcp.gen_ai": "gcp.gemini",
    "gemini": "gcp.gemini",
    "google": "gcp.gemini",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "grok": "x_ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "moonshot": "moonshot_ai",
    "moonshotai": "moonshot_ai",
    "together": "together_ai",
    "togetherai": "together_ai",
    "vertex": "gcp.vertex_ai",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "voyage": "voyage_ai",
    "voyageai": "voyage_ai",
    "x-ai": "x_ai",
    "x.ai": "x_ai",
    "xai": "x_ai",
}
"""Other names in use -> our canonical provider."""

NO_SELLER = frozenset(
    {"", "crewai", "langchain", "langgraph", "litellm", "llamaindex", "llama_index", "unknown"}
)
"""Frameworks and routers that sign as provider but sell nothing: the model's name decides."""

SELF_HOSTED = frozenset(
    (
        *("gpt4all", "llama.cpp", "llama_cpp", "llamacpp", "llamafile", "lm_studio", "lmstudio"),
        *("local", "localai", "mlx", "ollama", "sglang", "text-generation-inference", "tgi"),
        *("transformers", "triton", "vllm"),
    )
)
"""Runtimes on the user's own machines, where a token has no list price."""

_BEDROCK_MAKERS = {
    "claude": "anthropic",
    "command": "cohere",
    "deepseek": "deepseek",
    "llama": "meta",
    "mistral": "mistral",
    "mixtral": "mistral",
    "nova": "amazon",
    "pixtral": "mistral",
    "titan": "amazon",
}
"""First word of a model -> the maker's prefix on Bedrock, which some instrumentations cut off."""

_FINE_TUNE = re.compile(r"(?:^|/)ft:|:ft-", re.I)
_PATH = re.compile(
    r"^(?:projects/[^/]+/locations/[^/]+/)?(?:(?:publishers|accounts)/[^/]+/)?models/", re.I
)
_REGION_AND_MAKER = re.compile(
    r"^(?:(?:us|eu|ap|apac|au|ca|jp|sa|us-gov|global)\.)?"
    r"(?:ai21|amazon|anthropic|cohere|deepseek|meta|mistral|openai|qwen)\.(?=[a-z])",
    re.I,
)
_VERSION = re.compile(r"(?:-v\d+)?:\d+(?::\d+k)?$|-v\d+:\d+$|@[\w.-]+$", re.I)
_DATE = re.compile(r"-20\d{2}-?[01]\d-?[0-3]\d$|-latest$", re.I)
_GEMINI_VERSION = re.compile(r"^(gemini-.*)-\d{3}$", re.I)


def canonical(provider: str | None) -> str | None:
    """Return our name of `provider`, None where it names no seller (so that the model decides).

    Names that are not in the tables come back in lower case; `openai.chat` is `openai`.
    """
    name = (provider or "").strip().lower()
    for known in (name, name.partition(".")[0]):
        if known in GENAI_ID or known in SELF_HOSTED:
            return known
        if known in CANONICAL:
            return CANONICAL[known]
    return None if name in NO_SELLER else name


def is_fine_tune(model: str) -> bool:
    """Say whether `model` is somebody's fine-tune, which never costs what its base costs."""
    return _FINE_TUNE.search(model) is not None


def usable(models: Iterable[str | None]) -> list[str]:
    """Return the names worth a look, in order, each once.

    Where one of them is a fine-tune only fine-tunes remain: the base's price is not theirs.
    """
    named = dict.fromkeys(name.strip() for name in models if name and len(name) <= LONGEST_NAME)
    names = [name for name in named if name]
    tuned = [name for name in names if is_fine_tune(name)]
    return tuned or names


def candidates(provider: str | None, names: Sequence[str]) -> Iterator[tuple[str | None, str]]:
    """Yield (canonical provider, model) to look up, best first: names as sent, then stripped.

    A prefix such as `anthropic/` names the seller where the caller knows none, and where it is
    `openai`, which any OpenAI-compatible router is called by its clients.
    """
    for name in names:
        yield provider, name
    for name in names:
        yield from ((provider, short) for short in _stripped(provider, name))
    if provider in (None, "openai"):
        for name in names:
            prefix, slash, rest = name.partition("/")
            seller = canonical(prefix)
            if slash and seller != provider and seller in GENAI_ID:
                yield seller, rest
                yield from ((seller, short) for short in _stripped(seller, rest))


def _stripped(provider: str | None, name: str) -> Iterator[str]:
    """Yield shorter and shorter forms of `name`, each once."""
    tuned = is_fine_tune(name)
    seen = {name}
    for strip in (_unpath,) if tuned else (_unpath, _unmaker, _unversion, _undate):
        name = strip(name)
        forms = (name, _with_maker(name)) if provider == "aws.bedrock" else (name,)
        for form in forms:
            if form and form not in seen:
                seen.add(form)
                yield form


def _unpath(name: str) -> str:
    name = _PATH.sub("", name)
    prefix, slash, rest = name.partition("/")
    return rest if slash and canonical(prefix) in GENAI_ID else name


def _unmaker(name: str) -> str:
    return _REGION_AND_MAKER.sub("", name)


def _unversion(name: str) -> str:
    return _GEMINI_VERSION.sub(r"\1", _VERSION.sub("", name))


def _undate(name: str) -> str:
    return _DATE.sub("", name)


def _with_maker(name: str) -> str:
    word = re.match(r"[a-z]+", name.lower())
    maker = _BEDROCK_MAKERS.get(word.group()) if word else None
    return f"{maker}.{name}" if maker and not name.lower().startswith(f"{maker}.") else name
