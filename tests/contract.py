"""Checks recorded REST exchanges against Discord's published OpenAPI document.

Requests and answers, each against the schema of its operation. Where the document is known to be
narrower than Discord itself it is widened here, and the reason is given.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import (  # type: ignore[import-untyped]  # it has no annotations
    Draft202012Validator,
    ValidationError,
)
from jsonschema.validators import extend  # type: ignore[import-untyped]  # nor has this
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

Json = dict[str, Any]

PATH_VARIABLE = "DISCORD_OPENAPI"
DEFAULT_PATH = Path(__file__).parents[2] / "shared" / "discord" / "openapi.json"
_DOCUMENT = "urn:discord"


def document_path() -> Path:
    """Where Discord's document should be; it is not part of this repository."""
    return Path(os.environ.get(PATH_VARIABLE, DEFAULT_PATH))


def needs_document() -> pytest.MarkDecorator:
    """Mark tests that cannot run without the document: they are then reported by name."""
    path = document_path()
    reason = f"Discord's OpenAPI document is not at {path}; {PATH_VARIABLE} names another place"
    return pytest.mark.skipif(not path.is_file(), reason=reason)


def assert_kept(exchanges: Iterable[Mapping[str, Any]]) -> None:
    """Check a session's exchanges where there is a document, for fixtures of other tests."""
    if document_path().is_file():
        assert check_exchanges(exchanges) == []


def check_exchanges(exchanges: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what violates the contract, one readable line each; an empty list is a pass.

    Raises:
        FileNotFoundError: Discord's document is missing; the message names the path.
    """
    return [violation for exchange in exchanges for violation in _check(exchange)]


def _check(exchange: Mapping[str, Any]) -> Iterator[str]:
    name = f"{exchange['method']} {exchange['template']} -> {exchange['status']}"
    operation = _load()["paths"].get(exchange["template"], {}).get(exchange["method"].lower())
    if operation is None:
        yield f"{name}: Discord has no such operation"
        return
    place = f"#/paths/{_escape(exchange['template'])}/{exchange['method'].lower()}"
    if exchange["status"] < 400:  # a refused request may break the contract: that is why
        yield from _check_request(name, place, operation, exchange)
    if exchange["status"] < 500:  # the document has no word for Discord being unwell
        yield from _check_answer(name, place, operation, exchange)


def _check_request(
    name: str, place: str, operation: Json, exchange: Mapping[str, Any]
) -> Iterator[str]:
    accepted = operation.get("requestBody", {}).get("content", {})
    body = _with_text_ids(exchange["request"])
    if not accepted:
        if body is not None:
            yield f"{name}: request: the operation takes no body"
        return
    kind = next(iter(accepted))
    if body is not None or operation["requestBody"].get("required"):
        schema = f"{place}/requestBody/content/{_escape(kind)}/schema"
        yield from _violations(f"{name}: request", schema, body)


def _check_answer(
    name: str, place: str, operation: Json, exchange: Mapping[str, Any]
) -> Iterator[str]:
    answers = operation["responses"]
    status = str(exchange["status"])
    key = status if status in answers else f"{status[0]}XX"
    if key not in answers:
        yield f"{name}: the operation never answers {status}"
        return
    answer, at = answers[key], f"{place}/responses/{key}"
    if "$ref" in answer:
        at = answer["$ref"]
        answer = _load()["components"]["responses"][at.rsplit("/", 1)[1]]
    if "content" not in answer:
        if exchange["response"] is not None:
            yield f"{name}: answer: there must be no body"
        return
    schema = f"{at}/content/{_escape('application/json')}/schema"
    yield from _violations(f"{name}: answer", schema, exchange["response"])


def _violations(name: str, pointer: str, instance: object) -> Iterator[str]:
    validator = _Validator({"$ref": _DOCUMENT + pointer}, registry=_registry())
    for error in validator.iter_errors(instance):
        cause = _cause(error)
        place = "/".join(str(key) for key in cause.absolute_path)
        yield f"{name}: {place or '(whole)'}: {cause.message[:300]}"


def _one_of(
    validator: Any, branches: list[Json], instance: object, schema: Json
) -> Iterator[ValidationError]:
    """The keyword ``oneOf``, without the branches that are for a component of another type.

    They cannot fit, and trying them all takes a tenfold of the time.
    """
    if any(branch.get("const", validator) == instance for branch in branches):
        return
    fitting = [branch for branch in branches if _may_be(branch, instance)]
    yield from _ONE_OF(validator, fitting or branches, instance, schema)


def _may_be(branch: Json, instance: object) -> bool:
    name = branch.get("$ref", "").removeprefix("#/components/schemas/")
    properties = _load()["components"]["schemas"].get(name, {}).get("properties", {})
    types = properties.get("type", {}).get("enum")
    return not types or not isinstance(instance, dict) or instance.get("type") in types


_ONE_OF = Draft202012Validator.VALIDATORS["oneOf"]
_Validator = extend(Draft202012Validator, {"oneOf": _one_of})


def _cause(error: ValidationError) -> ValidationError:
    """Follow a union into the branch that was meant: whose type fits, else the nearest."""
    while error.context:
        branches: dict[Any, list[ValidationError]] = {}
        for below in error.context:
            branches.setdefault(below.schema_path[0], []).append(below)
        fitting = [errors for errors in branches.values() if not _is_other_type(errors)]
        nearest = min(fitting or branches.values(), key=len)
        error = max(nearest, key=lambda below: len(below.absolute_path))
    return error


def _is_other_type(errors: list[ValidationError]) -> bool:
    """Whether a branch is for other JSON, such as null, or for another ``type`` of object."""
    return any(
        error.validator == "type" if not error.path else error.path[-1] == "type"
        for error in errors
    )


def _with_text_ids(body: Any) -> Any:
    """Write ids as text: Discord takes them as numbers too, and so discord.py sends some."""
    if isinstance(body, list):
        return [_with_text_ids(entry) for entry in body]
    if not isinstance(body, dict):
        return body
    changed = {key: _with_text_ids(value) for key, value in body.items()}
    for key, value in changed.items():
        if key.endswith("_id") and isinstance(value, int):
            changed[key] = str(value)
    for kind in ("users", "roles"):  # of allowed_mentions
        if isinstance(changed.get(kind), list):
            changed[kind] = [str(entry) for entry in changed[kind]]
    for key in ("attachments", "default_values"):  # the latter of selects
        for entry in changed.get(key) or []:
            entry["id"] = str(entry["id"])
    return changed


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


@cache
def _load() -> Json:
    path = document_path()
    if not path.is_file():
        raise FileNotFoundError(
            f"Discord's OpenAPI document is not at {path}; {PATH_VARIABLE} may name another place"
        )
    document: Json = json.loads(path.read_text())
    # In `_errors` Discord sends names such as BASE_TYPE_REQUIRED; the document says integer.
    inner: Json = json.loads(json.dumps(document["components"]["schemas"]["Error"]))
    inner["properties"]["code"] = {"type": "string"}
    document["components"]["schemas"]["InnerErrors"]["properties"]["_errors"]["items"] = inner
    return document


@cache
def _registry() -> Registry[Any]:
    resource = Resource.from_contents(_load(), default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource(_DOCUMENT, resource)
    return registry
