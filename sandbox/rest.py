"""The REST interface's machinery: one table of routes, one way to read, answer, refuse and record.

Handlers are plain functions of a ``Call`` that return a ``Reply`` or raise ``DiscordError``. What
the routes do is in the ``rest_*`` modules.
"""

import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from aiohttp import BodyPartReader, web

from sandbox.errors import (
    DiscordError,
    entity_too_large,
    not_found,
    not_json,
    unauthorized,
)
from sandbox.exchanges import Exchange, ExchangeLog
from sandbox.faults import Fault, FaultQueue
from sandbox.files import Upload
from sandbox.wire import Json, json_answer

log = logging.getLogger(__name__)

API_PREFIX = "/api/v10"
RATE_LIMIT = 1_000
MAX_REQUEST_BYTES = 128 * 1024 * 1024
_FILE_PART = re.compile(r"files\[(\d+)\]")
_CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, read completely. ``body`` is the JSON, or the ``payload_json`` of a form."""

    params: Mapping[str, str]
    query: Mapping[str, str]
    body: Any = None
    uploads: Mapping[int, Upload] = field(default_factory=dict)

    def object(self) -> Json:
        """Return the body as an object.

        Raises:
            DiscordError: 50109, it is something else.
        """
        if not isinstance(self.body, dict):
            raise not_json()
        return self.body


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A good answer."""

    body: Any = None
    status: int = HTTPStatus.OK


Handler = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation; ``template`` is the path as Discord's document writes it."""

    method: str
    template: str
    handler: Handler
    needs_token: bool = True


class RestApi:
    """Serves a table of routes, with faults injected and every exchange recorded.

    ``limit_bytes`` says for the parameters of a path how large each file may be.
    """

    def __init__(
        self,
        routes: list[Route],
        *,
        faults: FaultQueue,
        exchanges: ExchangeLog,
        limit_bytes: Callable[[Mapping[str, str]], int],
    ) -> None:
        self._routes = routes
        self._faults = faults
        self._exchanges = exchanges
        self._limit_bytes = limit_bytes

    def install(self, app: web.Application) -> None:
        """Add the routes to a web application; every other path below is answered with 404."""
        for route in self._routes:
            app.router.add_route(route.method, API_PREFIX + route.template, self._serve(route))
        unknown = Route(method="*", template="/{path:.*}", handler=_unknown, needs_token=False)
        app.router.add_route("*", "/api/{path:.*}", self._serve(unknown))

    def _serve(self, route: Route) -> Callable[[web.Request], Any]:
        async def serve(request: web.Request) -> web.StreamResponse:
            path = request.path.removeprefix(API_PREFIX)
            fault = self._faults.take(f"{request.method} {path}")
            if fault and fault.drops and not fault.is_after:
                return _drop(request)
            call, reply = None, None
            try:
                call = await self._read(request)
                reply = self._reply(route, request, call, fault)
            except DiscordError as error:
                reply = Reply(status=error.status, body=error.body())
            self._record(request, route, path, call, reply)
            if fault and fault.drops:
                return _drop(request)
            return _respond(route, reply)

        return serve

    def _reply(self, route: Route, request: web.Request, call: Call, fault: Fault | None) -> Reply:
        if fault and fault.error and not fault.is_after:
            raise fault.error
        if route.needs_token and "Authorization" not in request.headers:
            raise unauthorized()
        reply = route.handler(call)
        if fault and fault.error:
            raise fault.error
        return reply

    async def _read(self, request: web.Request) -> Call:
        body: Any = None
        uploads: dict[int, Upload] = {}
        if request.content_type == "multipart/form-data":
            body, uploads = await self._read_form(request)
        elif request.can_read_body:
            body = _parse(await request.text())
        return Call(params=request.match_info, query=request.query, body=body, uploads=uploads)

    async def _read_form(self, request: web.Request) -> tuple[Any, dict[int, Upload]]:
        """Read every part, even of a request that will be refused, so that the answer arrives."""
        body: Any = {}
        uploads: dict[int, Upload] = {}
        too_large = False
        reader = await request.multipart()
        limit_bytes = self._limit_bytes(request.match_info)
        while part := await reader.next():
            assert isinstance(part, BodyPartReader)
            name = part.name or ""
            if match := _FILE_PART.fullmatch(name):
                data = await _read_file(part, limit_bytes)
                too_large |= data is None
                uploads[int(match[1])] = Upload(filename=part.filename or "file", data=data or b"")
            elif name == "payload_json":
                body = _parse(await part.text())
        if too_large:
            raise entity_too_large()
        return body, uploads

    def _record(
        self, request: web.Request, route: Route, path: str, call: Call | None, reply: Reply
    ) -> None:
        uploads = call.uploads.values() if call else ()
        self._exchanges.add(
            Exchange(
                method=request.method,
                path=path,
                template=route.template,
                request=call.body if call else None,
                files=tuple((upload.filename, len(upload.data)) for upload in uploads),
                status=reply.status,
                response=reply.body,
            )
        )


async def _read_file(part: BodyPartReader, limit_bytes: int) -> bytes | None:
    """Return the file's bytes, or None when they are more than the limit."""
    data = bytearray()
    is_too_large = False
    while chunk := await part.read_chunk(_CHUNK_BYTES):
        is_too_large |= len(data) + len(chunk) > limit_bytes
        if not is_too_large:
            data += chunk
    return None if is_too_large else bytes(data)


def _parse(text: str) -> object:
    try:
        return json.loads(text) if text else None
    except json.JSONDecodeError as error:
        raise not_json() from error


def _unknown(_: Call) -> Reply:
    raise not_found()


def _respond(route: Route, reply: Reply) -> web.Response:
    headers = {
        "X-RateLimit-Limit": str(RATE_LIMIT),
        "X-RateLimit-Remaining": str(RATE_LIMIT - 1),
        "X-RateLimit-Reset": f"{time.time() + 1:.3f}",
        "X-RateLimit-Reset-After": "1.000",
        "X-RateLimit-Bucket": f"{route.method} {route.template}",
        "Via": "1.1 sandbox",
    }
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = str(reply.body["retry_after"])
    if reply.status == HTTPStatus.NO_CONTENT:
        return web.Response(status=reply.status, headers=headers)
    return json_answer(reply.body, status=reply.status, headers=headers)


def _drop(request: web.Request) -> web.Response:
    """Cut the connection, so that the caller never learns what became of its request."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
