"""What those who use Postgres must expect when it is not there."""

from __future__ import annotations

import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from common.keys import make_master_key
from db.engine import Database

pytestmark = pytest.mark.integration


async def _ask(database: Database) -> None:
    async with database.begin() as db_session:
        await db_session.connection()


@pytest.mark.parametrize("what", ["database", "port"])
async def test_a_connection_that_is_refused_is_an_error_that_everybody_expects(
    database_url: str, what: str
) -> None:
    url = make_url(database_url)
    query = {name: value for name, value in url.query.items() if name != "host"}
    elsewhere = {
        "database": url.set(database="nowhere"),
        "port": url.set(host="127.0.0.1", port=9, query=query),
    }[what]
    database = Database.connect(elsewhere.render_as_string(hide_password=False), make_master_key())
    with pytest.raises((SQLAlchemyError, OSError)):
        await _ask(database)
    await database.close()
