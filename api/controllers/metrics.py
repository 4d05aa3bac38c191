"""`/metrics`."""

from __future__ import annotations

from litestar import Response, get
from prometheus_client import CONTENT_TYPE_LATEST

from api.dependencies import TheMetrics, ThePlatform


@get("/metrics", operation_id="getMetrics", include_in_schema=False)
async def get_metrics(platform: ThePlatform, metrics: TheMetrics) -> Response[bytes]:
    """What Prometheus scrapes; needs the API key like everything else."""
    agents, active_calls = await platform.stats.gauges()
    return Response(metrics.render(agents, active_calls), headers={"Content-Type": CONTENT_TYPE_LATEST})
