"""Command line: python -m harness.stand_ins.oidc up|down|env."""

import sys

from harness.stand_ins.oidc.stand_in import STAND_IN
from harness.stand_ins.stand_in import run_command_line

sys.exit(run_command_line(STAND_IN))
