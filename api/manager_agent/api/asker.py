"""Who asks: by their token's name, else by their address, which is all that is known then."""

from starlette.requests import Request

TOKEN_NAME = "manager_agent.token"
"""Under which key of a request's scope the name of its token stands."""


def who(request: Request) -> str:
    """Return how the audit calls who asks: `token ops`, or `api 127.0.0.1`."""
    token = request.scope.get(TOKEN_NAME)
    if token:
        return str(token)
    return f"api {request.client.host}" if request.client else "api"
