"""Whether a call that failed is certain never to have left: no connection was had for it."""

_NO_CONNECTION = frozenset(
    (
        "ClientConnectorError",  # aiohttp
        "ConnectError",  # httpx, httpcore
        "ConnectTimeout",  # httpx, requests
        "ConnectTimeoutError",  # urllib3, botocore
        "ConnectionRefusedError",
        "ConnectionTimeoutError",  # aiohttp
        "EndpointConnectionError",  # botocore
        "NameResolutionError",  # urllib3
        "NewConnectionError",  # urllib3
        "PoolTimeout",  # httpx
        "UnsupportedProtocol",
        "gaierror",
    )
)
_DEEPEST = 8


def unsent(error: BaseException) -> bool:
    """Tell whether `error`, or what it was made of, says that there was no connection.

    requests wraps that and a connection that broke in the same class: what is inside decides. One
    that failed while it was being used says nothing about what was read at the other end.
    """
    seen: list[BaseException] = [error]
    for _ in range(_DEEPEST):
        if not seen:
            return False
        here = seen.pop()
        if any(kind.__name__ in _NO_CONNECTION for kind in type(here).__mro__):
            return True
        reason = getattr(here, "reason", None)  # urllib3's MaxRetryError
        inner = (here.__cause__, here.__context__, reason, *here.args[:1])
        seen += [each for each in inner if isinstance(each, BaseException)]
    return False
