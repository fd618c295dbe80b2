"""The Web API half of the fake Slack: one workspace with its channels, messages and files.

Methods are looked up in `Workspace.methods`, so that another file can add some (Socket Mode adds
`apps.connections.open`). Errors are those that Slack documents for each method.
"""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from manager_agent.delivery.slack.fake_answer import (
    Answer,
    Request,
    api_rate_limited,
    json_answer,
    refusal,
)
from manager_agent.delivery.slack.fake_blocks import blocks_fault

BOT_TOKEN = "xoxb-1111-2222-notTheRealSecretOfAnyone"
"""The token that the workspace knows at first."""

SCOPES = "chat:write,chat:write.public,channels:read,channels:history,files:write"
Args = dict[str, Any]


@dataclass(slots=True)
class Posted:
    """A message in a channel as people see it now; `versions`: what it was before, the first first.

    `args`: what `chat.postMessage` or the last `chat.update` said.
    """

    channel: str
    ts: str
    args: Args
    thread_ts: str | None = None
    versions: list[Args] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The line of the notification."""
        return str(self.args.get("text", ""))

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """The blocks shown."""
        return list(self.args.get("blocks", []))


@dataclass(slots=True)
class Place:
    """A channel. `member`: the bot is in it."""

    id: str
    name: str
    member: bool = True
    archived: bool = False
    private: bool = False


@dataclass(slots=True)
class Upload:
    """A file: bytes once they came, `shared` where it was put (channel, thread)."""

    id: str
    name: str
    length: int
    data: bytes | None = None
    shared: tuple[str, str | None] | None = None


class Workspace:
    """Everything that the bot can see and do; safe to look at from tests.

    `tokens`: what each token is refused with, None for a good one. `pace_seconds`: shortest time
    between two posts to one channel, else 429. `calls`: each method with its arguments, in order.
    """

    def __init__(self) -> None:
        self.tokens: dict[str, str | None] = {BOT_TOKEN: None}
        self.scopes = set(SCOPES.split(","))
        self.channels = {
            "C0ALERTS": Place("C0ALERTS", "alerts"),
            "C0OPS": Place("C0OPS", "ops"),
            "C0MONEY": Place("C0MONEY", "money"),
        }
        self.posted: list[Posted] = []
        self.files: dict[str, Upload] = {}
        self.calls: list[tuple[str, Args]] = []
        self.pace_seconds: float | None = None
        self.methods: dict[str, Callable[[Args], Answer]] = {
            "auth.test": self._auth_test,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.info": self._info,
            "conversations.list": self._list,
            "conversations.history": self._history,
            "conversations.replies": self._history,
            "files.getUploadURLExternal": self._upload_url,
            "files.completeUploadExternal": self._upload_done,
        }
        self.lock = threading.RLock()
        self._trouble: dict[str, list[Answer]] = defaultdict(list)
        self._last_post: dict[str, float] = {}
        self._last_ts = 0

    def trouble(self, method: str, *answers: Answer) -> None:
        """Answer the next calls of `method` (`*`: of any) with these, one after another."""
        with self.lock:
            self._trouble[method] += answers

    def channel(self, name: str) -> Place:
        """Return the channel called `name`, without the #."""
        return next(one for one in self.channels.values() if one.name == name)

    def roots(self, channel: str = "alerts") -> list[Posted]:
        """Return the messages of the channel called so that are in no thread."""
        where = self.channel(channel).id
        return [one for one in self.posted if one.channel == where and one.thread_ts is None]

    def replies(self, root: Posted) -> list[Posted]:
        """Return the messages in the thread of `root`."""
        same = [one for one in self.posted if one.channel == root.channel]
        return [one for one in same if one.thread_ts == root.ts]

    def route(self, request: Request) -> Answer | None:
        """Answer a request to `/api/<method>` or to the address of an upload."""
        path = urlsplit(request.path).path
        if path.startswith("/upload/v1/"):
            return self._receive(path.rpartition("/")[2], request.body)
        if not path.startswith("/api/"):
            return None
        method, args = path.removeprefix("/api/"), arguments(request)
        with self.lock:
            self.calls.append((method, args))
            told = self._trouble.get(method) or self._trouble.get("*")
            trouble = told.pop(0) if told else None
            if trouble is not None and not trouble.after:
                return trouble
            answer = self.call(method, args, _token(request, args), request.headers.get("host", ""))
            return trouble or answer

    def call(self, method: str, args: Args, token: str, host: str) -> Answer:
        """Do what a method asks, and answer."""
        if not token:
            return refusal("not_authed")
        error = self.tokens.get(token, "invalid_auth")
        if error is not None:
            return refusal(error)
        if method not in self.methods:
            return refusal("unknown_method", req_method=method)
        return self.methods[method]({**args, "_host": host})

    def _auth_test(self, args: Args) -> Answer:
        found = {"team": "Acme", "team_id": "T0", "user": "manager", "user_id": "U0BOT"}
        url = f"http://{args['_host']}/"
        answer = json_answer({"ok": True, "url": url, "bot_id": "B0", **found})
        scopes = ("X-OAuth-Scopes", ",".join(sorted(self.scopes)))
        return Answer(200, answer.body, (*answer.headers, scopes))

    def _post(self, args: Args) -> Answer:
        place = self._place(args.get("channel"))
        wrong = self._missing("chat:write") or _cannot_post(place, self.scopes) or _content(args)
        if wrong is not None or place is None:
            return wrong or refusal("channel_not_found")
        if self.pace_seconds is not None:
            now = time.monotonic()
            if now - self._last_post.get(place.id, float("-inf")) < self.pace_seconds:
                return api_rate_limited(1)
            self._last_post[place.id] = now
        thread = args.get("thread_ts")
        if thread and self._find(place.id, thread) is None:
            return refusal("thread_not_found")
        said = {key: value for key, value in args.items() if key != "_host"}
        posted = Posted(place.id, self._ts(), said, thread)
        self.posted.append(posted)
        return json_answer(
            {"ok": True, "channel": place.id, "ts": posted.ts, "message": _shown(posted)}
        )

    def _update(self, args: Args) -> Answer:
        # Only an id will do here: chat.update takes no names.
        place = self.channels.get(str(args.get("channel")))
        if place is None:
            return refusal("channel_not_found")
        found = self._find(place.id, args.get("ts"))
        if found is None:
            return refusal("message_not_found")
        wrong = self._missing("chat:write") or _content(args)
        if place.archived:
            wrong = refusal("is_archived")
        if wrong is not None:
            return wrong
        found.versions.append(found.args)
        found.args = found.args | {key: one for key, one in args.items() if key != "_host"}
        said = {"channel": place.id, "ts": found.ts, "text": found.text}
        return json_answer({"ok": True, **said, "message": _shown(found)})

    def _info(self, args: Args) -> Answer:
        place = self.channels.get(str(args.get("channel")))
        if place is None:
            return refusal("channel_not_found")
        return self._missing("channels:read") or json_answer({"ok": True, "channel": _about(place)})

    def _list(self, args: Args) -> Answer:
        seen = [_about(one) for one in self.channels.values() if one.member or not one.private]
        if str(args.get("exclude_archived", "")).lower() in ("1", "true"):
            seen = [one for one in seen if not one["is_archived"]]
        start, most = int(args.get("cursor") or 0), int(args.get("limit") or 100)
        more = str(start + most) if start + most < len(seen) else ""
        page = {"channels": seen[start : start + most], "response_metadata": {"next_cursor": more}}
        return self._missing("channels:read") or json_answer({"ok": True, **page})

    def _history(self, args: Args) -> Answer:
        place = self.channels.get(str(args.get("channel")))
        if place is None:
            return refusal("channel_not_found")
        if not place.member:
            return refusal("not_in_channel")
        oldest, thread = float(args.get("oldest") or 0), args.get("ts")
        seen = [one for one in self.posted if one.channel == place.id and float(one.ts) > oldest]
        mine = [one for one in seen if thread in (one.ts, one.thread_ts)] if thread else seen
        shown = [_shown(one) for one in mine if thread or one.thread_ts is None]
        if str(args.get("include_all_metadata", "")).lower() not in ("1", "true"):
            shown = [{key: one[key] for key in one if key != "metadata"} for one in shown]
        missing = self._missing("channels:history")
        return missing or json_answer({"ok": True, "messages": shown[::-1], "has_more": False})

    def _upload_url(self, args: Args) -> Answer:
        if not args.get("filename") or int(args.get("length") or 0) <= 0:
            return refusal("invalid_arguments")
        upload = Upload(f"F{len(self.files) + 1:08}", args["filename"], int(args["length"]))
        self.files[upload.id] = upload
        url = f"http://{args['_host']}/upload/v1/{upload.id}"
        found = json_answer({"ok": True, "upload_url": url, "file_id": upload.id})
        return self._missing("files:write") or found

    def _receive(self, name: str, data: bytes) -> Answer:
        with self.lock:
            upload = self.files.get(name)
            if upload is None or len(data) != upload.length:
                return Answer(400, "the length is not the one that was announced")
            upload.data = data
            return Answer(200, f"OK - {len(data)}")

    def _upload_done(self, args: Args) -> Answer:
        asked = args.get("files") or []
        asked = json.loads(asked) if isinstance(asked, str) else asked
        found = [self.files.get(one.get("id", "")) for one in asked]
        if not found or any(one is None or one.data is None for one in found):
            return refusal("file_not_found")
        place = self.channels.get(str(args.get("channel_id")))
        if args.get("channel_id") and (place is None or not place.member):
            # chat:write.public does not help with files: the bot must be in the channel.
            return refusal("channel_not_found" if place is None else "not_in_channel")
        for one in found:
            if one is not None and place is not None:
                one.shared = (place.id, args.get("thread_ts"))
        done = json_answer({"ok": True, "files": [{"id": one["id"]} for one in asked]})
        return self._missing("files:write") or done

    def _missing(self, scope: str) -> Answer | None:
        if scope in self.scopes:
            return None
        return refusal("missing_scope", needed=scope, provided=",".join(sorted(self.scopes)))

    def _place(self, asked: Any) -> Place | None:
        """Return the channel of an id or of a name, as `chat.postMessage` takes both."""
        named = {one.name: one for one in self.channels.values()}
        found = self.channels.get(str(asked)) or named.get(str(asked).removeprefix("#"))
        return None if found is None or (found.private and not found.member) else found

    def _find(self, channel: str, ts: Any) -> Posted | None:
        same = (one for one in self.posted if one.channel == channel and one.ts == ts)
        return next(same, None)

    def _ts(self) -> str:
        self._last_ts = max(self._last_ts + 1, time.time_ns() // 1000)
        return f"{self._last_ts // 10**6}.{self._last_ts % 10**6:06}"


def arguments(request: Request) -> Args:
    """Return the arguments of a call: from the query, a form or JSON."""
    found: Args = dict(parse_qsl(urlsplit(request.path).query))
    if "json" in request.headers.get("content-type", ""):
        sent = json.loads(request.body or b"{}")
        return {**found, **sent}
    return {**found, **dict(parse_qsl(request.body.decode()))}


def _token(request: Request, args: Args) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token if kind == "Bearer" else str(args.pop("token", ""))


def _cannot_post(place: Place | None, scopes: set[str]) -> Answer | None:
    if place is None:
        return refusal("channel_not_found")
    if place.archived:
        return refusal("is_archived")
    if not place.member and "chat:write.public" not in scopes:
        return refusal("not_in_channel")
    return None


def _content(args: Args) -> Answer | None:
    if not args.get("text") and not args.get("blocks"):
        return refusal("no_text")
    if len(args.get("text", "")) > 40_000:
        return refusal("msg_too_long")
    wrong = blocks_fault(args.get("blocks", []))
    if wrong:
        return refusal("invalid_blocks", errors=[wrong])
    metadata = args.get("metadata")
    if metadata is not None and set(metadata) != {"event_type", "event_payload"}:
        return refusal("invalid_metadata_format")
    return None


def _shown(posted: Posted) -> dict[str, Any]:
    kept = {key: posted.args[key] for key in ("text", "blocks", "metadata") if key in posted.args}
    thread = {"thread_ts": posted.thread_ts} if posted.thread_ts else {}
    return {"type": "message", "user": "U0BOT", "bot_id": "B0", "ts": posted.ts, **kept, **thread}


def _about(place: Place) -> dict[str, Any]:
    return {
        "id": place.id,
        "name": place.name,
        "is_channel": True,
        "is_archived": place.archived,
        "is_member": place.member,
        "is_private": place.private,
    }
