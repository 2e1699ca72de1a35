"""How a payload of a tool is read, as data: which event, which of its values, in JMESPath.

Enters: the JSON of a mapping. Leaves: a checked `Mapping`. What must hold: an expression that cannot be
parsed is refused when the mapping is read, by its name, and never when a payload comes.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, TypeAlias

import jmespath
from jmespath import functions
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Score: TypeAlias = Literal["nps", "csat", "ces"]
#: What becomes of an answer: a feedback of its own, a score or an attribute of all feedback of the response.
Role: TypeAlias = Literal["text", "nps", "csat", "ces", "attribute", "none"]


class _Functions(functions.Functions):  # type: ignore[misc]  # jmespath has no types
    """Functions beside those of JMESPath."""

    @functions.signature({"types": ["object", "null"]})  # type: ignore[untyped-decorator]
    def _func_pairs(self, given: dict[str, Any] | None) -> list[dict[str, Any]]:
        """``pairs(object)``: a list of ``{"key", "value"}``."""
        return [{"key": key, "value": value} for key, value in (given or {}).items()]

    @functions.signature({"types": ["array", "null"]}, {"types": ["string"]}, {"types": []})  # type: ignore[untyped-decorator]
    def _func_lookup(self, given: list[Any] | None, name: str, value: Any) -> Any:
        """``lookup(list, name, value)``: the first object whose ``name`` has that value."""
        found = (item for item in given or () if isinstance(item, dict) and item.get(name) == value)
        return next(found, None)

    @functions.signature({"types": ["string", "null"]}, {"types": ["string"]})  # type: ignore[untyped-decorator]
    def _func_after(self, given: str | None, mark: str) -> str | None:
        """``after(string, mark)``: what follows the last ``mark``; all of it where there is none."""
        return given.rpartition(mark)[2] if given is not None else None

    @functions.signature({"types": ["string", "null"]})  # type: ignore[untyped-decorator]
    def _func_words(self, given: str | None) -> list[str]:
        """``words(string)``: its words in small letters; ``_`` and ``-`` end a word too."""
        return (given or "").lower().replace("_", " ").replace("-", " ").split()


_OPTIONS = jmespath.Options(custom_functions=_Functions())
_KNOWN = functions.Functions.FUNCTION_TABLE.keys() | _Functions.FUNCTION_TABLE.keys()


@cache
def _compiled(expression: str) -> Any:
    return jmespath.compile(expression)


def _checked(expression: str) -> str:
    try:
        parsed = _compiled(expression).parsed
    except JMESPathError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{expression!r} is no JMESPath expression: {reason}") from None
    except RecursionError:
        raise ValueError("the expression is nested too deeply") from None
    waiting = [parsed]
    while waiting:
        node = waiting.pop()
        waiting += node["children"] if isinstance(node, dict) else []
        if isinstance(node, dict) and node["type"] == "function_expression" and node["value"] not in _KNOWN:
            raise ValueError(f"{expression!r} calls {node['value']}(), which there is not")
    return expression


def search(expression: str, scope: Any) -> Any:
    """The value of an expression.

    Raises:
        JMESPathError: a function was given a value that it does not take.
    """
    return _compiled(expression).search(scope, _OPTIONS)


Expression = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(_checked)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Condition(_Strict):
    """Payloads are left out for ``otherwise`` unless the value of ``when`` is ``equals``."""

    when: Expression
    equals: bool | str | int = True
    otherwise: str = Field(min_length=1, max_length=200)


class Answers(_Strict):
    """The answers of a form or survey; each that is text becomes a feedback of its own.

    ``each`` is read from the payload and gives a list; the others are read from
    ``{"item": …, "payload": …}``.
    """

    each: Expression
    id: Expression
    title: Expression | None = None
    value: Expression
    role: Expression = Field(description="Gives a `Role`, or anything else for an answer that is left out.")
    names: tuple[Expression, ...] = Field(
        (), description="Other names by which `questions` of the settings may call the question."
    )


class Kind(_Strict):
    """How one kind of event is read.

    Expressions are read from the payload; where there is ``each``, which gives a list, all others but those
    of ``only`` are read from ``{"item": …, "payload": …}``, once for each item.
    """

    only: tuple[Condition, ...] = ()
    each: Expression | None = None
    answers: Answers | None = None
    text: Expression | None = None
    external_id: Expression
    id_from_text: bool = Field(
        False, description="The tool gives a message no id: its text's SHA-256 is added to `external_id`."
    )
    html: bool = Field(False, description="The text may be HTML.")
    quotes: bool = Field(False, description="The text may quote earlier messages, which are cut.")
    author: Expression | None = Field(
        None, description="A name that may stand before the text, with a colon."
    )
    occurred_at: Expression | None = None
    channel: Expression | None = None
    touchpoint: Expression | None = None
    customer_ref: Expression | None = None
    scores: dict[Score, Expression] = Field(default_factory=dict)
    attributes: dict[str, Expression] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> Kind:
        if (self.text is None) == (self.answers is None):
            raise ValueError("give either text or answers")
        if self.answers and (self.each or self.id_from_text):
            raise ValueError("answers go with neither each nor id_from_text")
        return self


class Mapping(_Strict):
    """How the payloads of one tool are read."""

    source: str = Field(min_length=1, max_length=200)
    documentation: tuple[str, ...] = ()
    event: Expression | None = Field(
        None, description="Names the kind of event; without it there is one kind."
    )
    kinds: dict[str, Kind] = Field(min_length=1)
    ignored: dict[str, str] = Field(
        default_factory=dict,
        description="Kinds of events that are left out, and why, where that is worth saying.",
    )


#: The kind of payloads that name no event.
ANY = "any"


@cache
def shipped(tool: str) -> Mapping:
    """The mapping of a tool, from ``mappings/<tool>.json``."""
    text = files("voc.hooks").joinpath("mappings", f"{tool}.json").read_text("utf-8")
    return Mapping.model_validate(json.loads(text))
