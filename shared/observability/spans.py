"""Tracing with the OpenTelemetry SDK: its sampler, spans and exporter. Loaded only when tracing is on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from shared.observability.tracing import Sink, Span, TraceFile, Tracing

__all__ = ["make_tracing"]

_KINDS: Final = {"consumer": SpanKind.CONSUMER, "producer": SpanKind.PRODUCER}
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_SCOPE: Final = InstrumentationScope("samraad")


def make_tracing(service: str, process: str, *, folder: Path | None, to_collector: bool) -> Tracing:
    """Trace to a file, to a collector, or to both.

    `OTEL_TRACES_SAMPLER` selects the traces that are recorded, `OTEL_EXPORTER_OTLP_*` configures the
    exporter, and `OTEL_RESOURCE_ATTRIBUTES` adds attributes of the process.

    Args:
        service: the service's name.
        process: the name of this process.
        folder: where trace files are written; None for no file.
        to_collector: whether spans are exported to a collector.

    """
    about = {SERVICE_NAME: service, SERVICE_INSTANCE_ID: process}
    provider = TracerProvider(resource=Resource.create(about))
    sinks: list[Sink] = []
    if folder is not None:
        sinks.append(TraceFile(folder, service=service, process=process))
    if to_collector:
        sinks.append(_Collector(provider.resource))

    def is_recorded(trace_id: int) -> bool:
        decided = provider.sampler.should_sample(None, trace_id, "samraad")
        return decided.decision is not Decision.DROP

    return Tracing(sinks, is_recorded)


class _Collector:
    """Exports spans to an OpenTelemetry collector in the background; spans it cannot take are lost."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        self._processor = BatchSpanProcessor(OTLPSpanExporter())

    def take(self, spans: Sequence[Span]) -> None:
        """Queue the spans for export."""
        for span in spans:
            self._processor.on_end(self._readable(span))

    def close(self) -> None:
        """Export the queued spans."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]

    def _readable(self, span: Span) -> ReadableSpan:
        trace_id = int(span.trace_id, 16)
        above = None
        if span.parent_id is not None:
            above = SpanContext(trace_id, int(span.parent_id, 16), is_remote=True)
        return ReadableSpan(
            span.name,
            SpanContext(trace_id, int(span.span_id, 16), is_remote=False, trace_flags=_SAMPLED),
            above,
            resource=self._resource,
            attributes={"messaging.system": "kafka", **span.attributes},
            kind=_KINDS[span.kind],
            status=Status(StatusCode.ERROR if span.failed else StatusCode.UNSET),
            start_time=span.began_ns,
            end_time=span.ended_ns,
            instrumentation_scope=_SCOPE,
        )
