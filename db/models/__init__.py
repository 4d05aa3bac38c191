"""One table per file."""

from db.models.agent import AgentRow
from db.models.agent_log import AgentLogRow
from db.models.agent_version import AgentVersionRow
from db.models.analysis import AnalysisRow
from db.models.base import Base
from db.models.call import CallRow
from db.models.call_event import CallEventRow
from db.models.deployment import DeploymentKind, DeploymentRow, TransitionRow
from db.models.draft import DraftRow
from db.models.host import HostRow
from db.models.livekit_event import LiveKitEventRow
from db.models.recording import RecordingRow
from db.models.repair import RepairRow
from db.models.replica import ReplicaRow
from db.models.reprocess import ReprocessRow
from db.models.setting import SettingRow
from db.models.turn import TurnRow

__all__ = [
    "AgentLogRow",
    "AgentRow",
    "AgentVersionRow",
    "AnalysisRow",
    "Base",
    "CallEventRow",
    "CallRow",
    "DeploymentKind",
    "DeploymentRow",
    "DraftRow",
    "HostRow",
    "LiveKitEventRow",
    "RecordingRow",
    "RepairRow",
    "ReplicaRow",
    "ReprocessRow",
    "SettingRow",
    "TransitionRow",
    "TurnRow",
]
