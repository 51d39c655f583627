"""Serve the scripted model on HOST (0.0.0.0) and PORT (8000) until SIGTERM."""

import os
import signal
import sys

import uvicorn

from scripted_model.server import application

# uvicorn raises the signal again after its graceful shutdown: this makes the exit code 0.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
uvicorn.run(
    application(),
    host=os.environ.get("HOST", "0.0.0.0"),  # noqa: S104 - a container serves its pod's address
    port=int(os.environ.get("PORT", "8000")),
    access_log=False,
    timeout_graceful_shutdown=20,
)
