"""The statements by which a call's process writes its record, made ready before it is forked.

Rows are added by a list of parameters: a statement with the rows in it would be compiled each time.
"""

from __future__ import annotations

from sqlalchemy import ARRAY, Integer, Text, Uuid, any_, bindparam, delete, select, text
from sqlalchemy.dialects.postgresql import Insert, insert

from db.models import CallEventRow, CallRow, DraftRow, TurnRow
from db.models.call import IS_OPEN
from db.ready import ready

_CALL, _ATTEMPT = bindparam("call_id", type_=Uuid()), bindparam("attempt", type_=Integer())
_ROLES, _ITEMS = (bindparam(name, type_=ARRAY(Text)) for name in ("roles", "items"))


def _insert(row: type[TurnRow | CallEventRow | DraftRow]) -> Insert:
    """All its columns, but for the number that Postgres gives."""
    columns = [each for each in row.__table__.columns if each.name != "id"]
    values = {each.name: bindparam(each.name, type_=each.type) for each in columns}
    return insert(row).values(values).inline()  # nobody asks for the numbers


def _newest(drafts: Insert) -> Insert:
    new = drafts.excluded
    return drafts.on_conflict_do_update(
        index_elements=["call_id", "role"],
        set_={"attempt": new.attempt, "text": new.text, "at": new.at},
        where=DraftRow.attempt <= new.attempt,
    )


LOOK = ready(
    select(CallRow.turn_count.is_not(None), CallRow.transcript_deleted_at.is_not(None))
    .where(CallRow.id == _CALL)
    .with_for_update(key_share=True, read=True)
)
"""Whether a call is counted, and whether its transcript is deleted; so until the transaction ends."""

SPEAKS = ready(select(CallRow.id).where(CallRow.id == _CALL, text(IS_OPEN), CallRow.attempt <= _ATTEMPT))
"""The call, where it is open and no later agent speaks for it."""

ADD_TURNS = ready(_insert(TurnRow).on_conflict_do_nothing())
ADD_EVENTS = ready(_insert(CallEventRow).on_conflict_do_nothing())
PUT_DRAFTS = ready(_newest(_insert(DraftRow)))

DROP_DRAFTS = ready(
    delete(DraftRow).where(
        DraftRow.call_id == _CALL, DraftRow.attempt == _ATTEMPT, DraftRow.role == any_(_ROLES)
    )
)
DROP_CUT = ready(delete(TurnRow).where(TurnRow.call_id == _CALL, TurnRow.item_id == any_(_ITEMS)))
