"""What `kubectl apply -k` and `robot robot/` do not need: clusters, images, stand-ins, faults, proofs."""

import sys

from harness.common.errors import report_uncaught

sys.excepthook = report_uncaught  # also while a program's imports go on, before its `main`
