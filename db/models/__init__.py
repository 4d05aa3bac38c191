"""One table per file."""

from db.models.agent import AgentRow
from db.models.agent_log import AgentLogRow
from db.models.agent_version import AgentVersionRow
from db.models.analysis import AnalysisRow
from db.models.base import Base
from db.models.call import CallRow
from db.models.call_count import CallCountRow
from db.models.call_event import CallEventRow
from db.models.call_measure import CallMeasureRow
from db.models.deployment import DeploymentKind, DeploymentRow, TransitionRow
from db.models.draft import DraftRow
from db.models.erased_call import ErasedCallRow
from db.models.erasure import ErasureRow
from db.models.event import NUMBERS, TROUBLE, EventRow
from db.models.host import HostRow
from db.models.livekit_event import LiveKitEventRow
from db.models.recording import RecordingRow
from db.models.repair import RepairRow
from db.models.replica import ReplicaRow
from db.models.reprocess import ReprocessRow
from db.models.setting import SettingRow
from db.models.turn import TurnRow
from db.models.webhook_attempt import WebhookAttemptRow
from db.models.webhook_delivery import DeliveryState, WebhookDeliveryRow
from db.models.webhook_endpoint import WebhookEndpointRow

__all__ = [
    "NUMBERS",
    "TROUBLE",
    "AgentLogRow",
    "AgentRow",
    "AgentVersionRow",
    "AnalysisRow",
    "Base",
    "CallCountRow",
    "CallEventRow",
    "CallMeasureRow",
    "CallRow",
    "DeliveryState",
    "DeploymentKind",
    "DeploymentRow",
    "DraftRow",
    "ErasedCallRow",
    "ErasureRow",
    "EventRow",
    "HostRow",
    "LiveKitEventRow",
    "RecordingRow",
    "RepairRow",
    "ReplicaRow",
    "ReprocessRow",
    "SettingRow",
    "TransitionRow",
    "TurnRow",
    "WebhookAttemptRow",
    "WebhookDeliveryRow",
    "WebhookEndpointRow",
]
