"""Tracing as the OpenTelemetry SDK has it: its sampler, its spans, its exporter. Loaded only when on."""

from collections.abc import Sequence
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from shared.observability.tracing import Sink, Span, TraceFile, Tracing
from shared.runtime.settings import ServiceSettings

__all__ = ["make_tracing"]

_KINDS: Final = {"consumer": SpanKind.CONSUMER, "producer": SpanKind.PRODUCER}
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_SCOPE: Final = InstrumentationScope("samraad")


def make_tracing(settings: ServiceSettings) -> Tracing:
    """Trace to a file, to a collector, or to both, as the settings say.

    Which traces are recorded is said by `OTEL_TRACES_SAMPLER`, how they are sent by
    `OTEL_EXPORTER_OTLP_*`, what else is told of the process by `OTEL_RESOURCE_ATTRIBUTES`.
    """
    process = settings.instance or settings.service
    about = {SERVICE_NAME: settings.service, SERVICE_INSTANCE_ID: process}
    provider = TracerProvider(resource=Resource.create(about))
    sinks: list[Sink] = []
    if settings.trace_dir is not None:
        sinks.append(TraceFile(settings.trace_dir, service=settings.service, process=process))
    if settings.otlp_endpoint is not None:
        sinks.append(_Collector(provider.resource))

    def is_recorded(trace_id: int) -> bool:
        decided = provider.sampler.should_sample(None, trace_id, "samraad")
        return decided.decision is not Decision.DROP

    return Tracing(sinks, is_recorded)


class _Collector:
    """Steps as spans to an OpenTelemetry collector, in the background; what it cannot take is lost."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        self._processor = BatchSpanProcessor(OTLPSpanExporter())

    def take(self, steps: Sequence[Span]) -> None:
        """Hand them over."""
        for step in steps:
            self._processor.on_end(self._span(step))

    def close(self) -> None:
        """Send what is held."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]

    def _span(self, step: Span) -> ReadableSpan:
        trace_id = int(step.trace_id, 16)
        above = None
        if step.parent_id is not None:
            above = SpanContext(trace_id, int(step.parent_id, 16), is_remote=True)
        return ReadableSpan(
            step.name,
            SpanContext(trace_id, int(step.span_id, 16), is_remote=False, trace_flags=_SAMPLED),
            above,
            resource=self._resource,
            attributes={"messaging.system": "kafka", **step.attributes},
            kind=_KINDS[step.kind],
            status=Status(StatusCode.ERROR if step.failed else StatusCode.UNSET),
            start_time=step.began_ns,
            end_time=step.ended_ns,
            instrumentation_scope=_SCOPE,
        )
