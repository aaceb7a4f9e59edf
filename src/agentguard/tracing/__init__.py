"""What happened: spans, the recorders that keep them, and the stores that are read later."""

from agentguard.tracing.entry import RecordedCall, RecordedResult, TraceEntry
from agentguard.tracing.recorder import Recorder, ToolRecorder, async_record_session, record_session, tool_recorder
from agentguard.tracing.session_log import SessionLog
from agentguard.tracing.sinks.port import SessionSummary
from agentguard.tracing.span import Span
from agentguard.tracing.stats import ToolStats, TraceStats
from agentguard.tracing.store import Store, open_store
from agentguard.tracing.tree import TraceNode

__all__ = (
    "RecordedCall",
    "RecordedResult",
    "Recorder",
    "SessionLog",
    "SessionSummary",
    "Span",
    "Store",
    "ToolRecorder",
    "ToolStats",
    "TraceEntry",
    "TraceNode",
    "TraceStats",
    "async_record_session",
    "open_store",
    "record_session",
    "tool_recorder",
)
