"""Backends of telemetry: one that takes OTLP over HTTP and keeps nothing, and one that hangs.

``python -m benchmarks.otlp_sink takes|hangs PORT``. The second accepts connections, reads, and never answers.
"""

import asyncio
import sys
from typing import Any

import uvicorn

from stack.ports import HOST


async def takes(scope: Any, receive: Any, send: Any) -> None:
    """Read the request and answer 200."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def hangs(scope: Any, receive: Any, _send: Any) -> None:
    """Read the request and wait until the caller is gone."""
    if scope["type"] != "http":
        return
    while (await receive())["type"] != "http.disconnect":
        pass


if __name__ == "__main__":
    application = {"takes": takes, "hangs": hangs}[sys.argv[1]]
    with asyncio.Runner() as runner:
        config = uvicorn.Config(application, host=HOST, port=int(sys.argv[2]), log_level="error", lifespan="off")
        runner.run(uvicorn.Server(config).serve())
