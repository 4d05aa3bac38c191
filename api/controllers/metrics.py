"""`/metrics`."""

from __future__ import annotations

from litestar import Response, get
from prometheus_client import CONTENT_TYPE_LATEST

from api.dependencies import TheMetrics, ThePlatform


@get("/metrics", operation_id="getMetrics", include_in_schema=False)
async def get_metrics(platform: ThePlatform, metrics: TheMetrics) -> Response[bytes]:
    """What Prometheus scrapes; needs the API key like everything else."""
    gauges = await platform.stats.gauges()
    return Response(
        metrics.render(gauges, platform.tokens.board.dropped), headers={"Content-Type": CONTENT_TYPE_LATEST}
    )
