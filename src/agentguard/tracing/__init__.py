"""What happened: spans, the recorders that keep them, and the stores that are read later."""

from agentguard.tracing.carrying import CarryingExecutor, carry
from agentguard.tracing.client import TraceClient
from agentguard.tracing.current import add_event, current_span, record_exception, set_attribute
from agentguard.tracing.decorators import TraceOptions, agent, prompt, tool, trace
from agentguard.tracing.default_store import configure_tracing
from agentguard.tracing.entry import RecordedCall, RecordedResult, TraceEntry
from agentguard.tracing.instrument import instrument
from agentguard.tracing.recorder import Recorder, ToolRecorder, async_record_session, record_session, tool_recorder
from agentguard.tracing.session_log import SessionLog
from agentguard.tracing.sinks.port import SessionSummary
from agentguard.tracing.span import Span
from agentguard.tracing.stats import ToolStats, TraceStats
from agentguard.tracing.store import Store, open_store
from agentguard.tracing.tree import TraceNode
from agentguard.tracing.w3c import continue_trace, traceparent

__all__ = (
    "CarryingExecutor",
    "RecordedCall",
    "RecordedResult",
    "Recorder",
    "SessionLog",
    "SessionSummary",
    "Span",
    "Store",
    "ToolRecorder",
    "ToolStats",
    "TraceClient",
    "TraceEntry",
    "TraceNode",
    "TraceOptions",
    "TraceStats",
    "add_event",
    "agent",
    "async_record_session",
    "carry",
    "configure_tracing",
    "continue_trace",
    "current_span",
    "instrument",
    "open_store",
    "prompt",
    "record_exception",
    "record_session",
    "set_attribute",
    "tool",
    "tool_recorder",
    "trace",
    "traceparent",
)
