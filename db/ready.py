"""Statements that are compiled as their module is imported, and not by each process that needs them."""

from __future__ import annotations

import re

from sqlalchemy import BindParameter, TextClause, bindparam, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler


def ready(statement: ClauseElement) -> TextClause:
    """The statement as text, for what is executed once in a process.

    A job process is forked for each call: SQLAlchemy's cache of compiled statements is empty there, and a
    large statement takes its event loop fifty milliseconds. The forkserver imports modules once for all.

    Values that differ from call to call must be `bindparam`s with a type.
    """
    compiled = statement.compile(dialect=postgresql.dialect(paramstyle="named"))  # type: ignore[no-untyped-call]
    assert isinstance(compiled, SQLCompiler)
    # Of `:name::TYPE` text() would not see the name.
    sql = re.sub(r"(?<!:)(:\w+)::", r"(\1)::", str(compiled))
    return text(sql).bindparams(*(_bound(name, known) for known, name in compiled.bind_names.items()))


def _bound(name: str, known: BindParameter[object]) -> BindParameter[object]:
    if known.required:
        return bindparam(name, type_=known.type)
    return bindparam(name, known.value, type_=known.type)
