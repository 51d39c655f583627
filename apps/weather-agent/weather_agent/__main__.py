"""Serve the weather agent until SIGTERM; the settings are in settings.py and telemetry.py."""

import logging
import signal
import sys

import uvicorn

from weather_agent import settings, telemetry, telemetry_public
from weather_agent.server import CONNECTION_GRACE, application

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
for chatty in ("httpx", "httpx2", "mcp"):
    logging.getLogger(chatty).setLevel(logging.WARNING)
chosen = settings.from_environment()
provider = telemetry_public.start() if chosen.public_telemetry else telemetry.start(chosen.instrumentations)

if not chosen.public_telemetry:
    # uvicorn raises the signal again after its graceful shutdown: this makes the exit code 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
uvicorn.run(
    application(chosen, provider),
    host=chosen.host,
    port=chosen.port,
    access_log=False,
    timeout_graceful_shutdown=CONNECTION_GRACE,
)
