"""Data: who serves LLM calls where, and which endings of paths are calls."""

from manager_agent.instrumentation.endpoint import Api, Kind

Row = tuple[str, str, tuple[Api, ...]]
"""A host (exact, or `*.` for anything in front), its provider, and the protocols it speaks."""

_OPENAI: tuple[Api, ...] = ("openai",)
_BOTH: tuple[Api, ...] = ("openai", "anthropic")

HOSTS: tuple[Row, ...] = (
    ("api.openai.com", "openai", _OPENAI),
    ("*.api.openai.com", "openai", _OPENAI),
    ("*.openai.azure.com", "azure.ai.openai", _BOTH),
    ("*.cognitiveservices.azure.com", "azure.ai.openai", _BOTH),
    ("*.services.ai.azure.com", "azure.ai.openai", _BOTH),
    ("*.models.ai.azure.com", "azure.ai.openai", _OPENAI),
    ("models.inference.ai.azure.com", "azure.ai.openai", _OPENAI),
    ("*.openai.azure.us", "azure.ai.openai", _BOTH),
    ("*.openai.azure.cn", "azure.ai.openai", _BOTH),
    ("api.anthropic.com", "anthropic", _BOTH),
    ("generativelanguage.googleapis.com", "gcp.gemini", ("gemini", "openai")),
    ("aiplatform.googleapis.com", "gcp.vertex_ai", ("gemini", "anthropic", "openai")),
    ("*-aiplatform.googleapis.com", "gcp.vertex_ai", ("gemini", "anthropic", "openai")),
    ("aiplatform.*.rep.googleapis.com", "gcp.vertex_ai", ("gemini", "anthropic", "openai")),
    ("bedrock-runtime.*.amazonaws.com", "aws.bedrock", ("bedrock", "openai", "anthropic")),
    ("bedrock-runtime.*.amazonaws.com.cn", "aws.bedrock", ("bedrock", "openai")),
    ("bedrock-runtime-fips.*.amazonaws.com", "aws.bedrock", ("bedrock", "openai", "anthropic")),
    ("*.bedrock-runtime.*.vpce.amazonaws.com", "aws.bedrock", ("bedrock", "openai")),
    ("bedrock-runtime.*.api.aws", "aws.bedrock", ("bedrock", "openai", "anthropic")),
    ("bedrock-mantle.*.api.aws", "aws.bedrock", _BOTH),
    ("api.mistral.ai", "mistral_ai", _OPENAI),
    ("codestral.mistral.ai", "mistral_ai", _OPENAI),
    ("api.groq.com", "groq", _OPENAI),
    ("api.deepseek.com", "deepseek", _BOTH),
    ("openrouter.ai", "openrouter", _BOTH),
    ("api.x.ai", "x_ai", _BOTH),
    ("*.api.x.ai", "x_ai", _BOTH),
    ("api.together.xyz", "together_ai", _OPENAI),
    ("api.together.ai", "together_ai", _OPENAI),
    ("api.fireworks.ai", "fireworks_ai", _BOTH),
    ("api.perplexity.ai", "perplexity", _OPENAI),
    ("api.cohere.ai", "cohere", _OPENAI),
    ("api.cohere.com", "cohere", _OPENAI),
    ("api.cerebras.ai", "cerebras", _OPENAI),
    ("api.moonshot.ai", "moonshot_ai", _BOTH),
    ("api.moonshot.cn", "moonshot_ai", _BOTH),
    ("api.minimax.io", "minimax", _BOTH),
    ("api.minimaxi.com", "minimax", _BOTH),
    ("api.minimax.chat", "minimax", _OPENAI),
    ("api.z.ai", "zai", _BOTH),
    ("open.bigmodel.cn", "zai", _BOTH),
    ("api.novita.ai", "novita", _BOTH),
    ("api.voyageai.com", "voyage_ai", _OPENAI),
    ("integrate.api.nvidia.com", "nvidia", _OPENAI),
    ("ai.api.nvidia.com", "nvidia", _OPENAI),
    ("router.huggingface.co", "huggingface", _OPENAI),
    ("api-inference.huggingface.co", "huggingface", _OPENAI),
    ("*.endpoints.huggingface.cloud", "huggingface", _OPENAI),
    ("models.github.ai", "github", _OPENAI),
    ("api.githubcopilot.com", "github", _OPENAI),
    ("*.githubcopilot.com", "github", _OPENAI),
    ("dashscope.aliyuncs.com", "alibaba", _BOTH),
    ("dashscope-intl.aliyuncs.com", "alibaba", _BOTH),
    ("api.sambanova.ai", "sambanova", _OPENAI),
    ("api.deepinfra.com", "deepinfra", _BOTH),
    ("api.hyperbolic.xyz", "hyperbolic", _OPENAI),
    ("api.studio.nebius.com", "nebius", _OPENAI),
    ("api.studio.nebius.ai", "nebius", _OPENAI),
    ("api.tokenfactory.nebius.com", "nebius", _OPENAI),
    ("inference.baseten.co", "baseten", _OPENAI),
    ("api.siliconflow.cn", "siliconflow", _OPENAI),
    ("api.siliconflow.com", "siliconflow", _OPENAI),
    ("api.ai21.com", "ai21", _OPENAI),
    ("api.upstage.ai", "upstage", _OPENAI),
    ("api.lambda.ai", "lambda", _OPENAI),
    ("ai-gateway.vercel.sh", "vercel", _BOTH),
    ("gateway.ai.cloudflare.com", "cloudflare", _BOTH),
    ("api.portkey.ai", "portkey", _BOTH),
    ("*.cloud.databricks.com", "databricks", _BOTH),
    ("*.azuredatabricks.net", "databricks", _BOTH),
    ("ark.cn-beijing.volces.com", "volcengine", _OPENAI),
    ("api.stepfun.com", "stepfun", _OPENAI),
    ("api.inceptionlabs.ai", "inception", _OPENAI),
    ("api.llama.com", "meta", _OPENAI),
    ("api.friendli.ai", "friendli", _OPENAI),
    ("inference.do-ai.run", "digitalocean", _OPENAI),
)
"""The hosts that are known; a later row wins over an earlier one."""

DEFAULT_PROVIDER: dict[Api, str] = {
    "openai": "openai",
    "anthropic": "anthropic",
    "gemini": "gcp.gemini",
    "bedrock": "aws.bedrock",
}
"""Provider of a host that the user added: whoever the protocol is of."""

PATHS: dict[Api, dict[str, Kind]] = {
    "openai": {
        "chat/completions": "chat_completions",
        "fim/completions": "chat_completions",
        "agents/completions": "chat_completions",
        "completions": "completions",
        "responses": "responses",
        "responses/compact": "responses",
        "embeddings": "embeddings",
        "multimodalembeddings": "embeddings",
        "images/generations": "images",
        "images/edits": "images",
        "images/variations": "images",
        "audio/speech": "speech",
        "audio/transcriptions": "transcription",
        "audio/translations": "transcription",
        "batches": "batch",
        "batch/jobs": "batch",
    },
    "anthropic": {
        "v1/messages": "messages",
        "messages/batches": "message_batch",
    },
    "gemini": {},  # by the verb behind the model: GEMINI_VERBS
    "bedrock": {
        "invoke": "invoke_model",
        "invoke-with-response-stream": "invoke_model",
        "converse": "converse",
        "converse-stream": "converse",
    },
}
"""Last two segments of a path, or the last one, and what is spoken there. Only POST is a call.

Whatever is not here (lists of models, files, counting tokens, moderation) is free or no call.
"""

GEMINI_VERBS: dict[str, Kind] = {
    "generateContent": "generate_content",
    "streamGenerateContent": "generate_content",
    "embedContent": "embed_content",
    "batchEmbedContents": "batch_embed_contents",
    "batchGenerateContent": "batch",
    "asyncBatchEmbedContent": "batch",
}
"""`models/M:verb`; `:predict` is decided by the model's name, and `:rawPredict` by its maker."""

OPERATIONS: dict[Kind, str] = {
    "chat_completions": "chat",
    "responses": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
    "images": "image_generation",
    "speech": "speech",
    "transcription": "transcription",
    "batch": "batch",
    "messages": "chat",
    "message_batch": "batch",
    "generate_content": "generate_content",
    "embed_content": "embeddings",
    "batch_embed_contents": "embeddings",
    "generate_images": "image_generation",
    "converse": "chat",
    "invoke_model": "chat",
}
"""`gen_ai.operation.name`: the semantic conventions' words, and the receiver's for the rest."""
