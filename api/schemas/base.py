"""Bases of what comes in and what goes out."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from agents.providers.pointers import field_errors
from common.errors import InvalidInput


def _camel(name: str) -> str:
    """`llm_node_ttft` becomes `llmNodeTtft`; and `e2e_latency` stays one word, not `e2ELatency`."""
    return to_camel(name).replace("e2E", "e2e")


class Body(BaseModel):
    """A request's body: closed, so that a misspelt or a privileged field is an error and never silence."""

    model_config = ConfigDict(
        alias_generator=_camel,
        validate_by_alias=True,
        validate_by_name=False,
        extra="forbid",
        strict=True,
        frozen=True,
        hide_input_in_errors=True,  # inputs may be secrets
    )


class Answer(BaseModel):
    """A response's body."""

    model_config = ConfigDict(alias_generator=_camel, populate_by_name=True, frozen=True)


def decode_body(model: type[Body], value: Any) -> Body:
    """The checked body.

    Raises:
        InvalidInput: with a pointer to each field that is wrong.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidInput("The request's body is not valid.", field_errors(model, error, "")) from None
    except (TypeError, ValueError) as error:
        # Litestar would take these for bad input, but here they are bugs in a model.
        raise RuntimeError(f"{model.__name__} can't be decoded") from error


def _printable(value: str) -> str:
    text = value.strip()
    if not text:
        raise ValueError("must not be blank")
    if not text.isprintable():
        raise ValueError("must not contain control characters")
    return text


def printable_lines(value: str) -> str:
    """Text without blanks around it.

    Raises:
        ValueError: there is none, or it has control characters.
    """
    text = value.strip()
    if not text:
        raise ValueError("must not be blank")
    if not all(line.isprintable() for line in text.splitlines()):
        raise ValueError("must not contain control characters other than line breaks")
    return text


Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)]
"""What people call an agent."""

Note = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(printable_lines)]
"""What people say about what they did; may have several lines."""
