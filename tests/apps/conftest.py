"""Makes the apps' packages importable: what is tested here needs nothing but the standard library."""

import sys
from pathlib import Path

APPS = Path(__file__).parents[2] / "apps"
sys.path[:0] = [str(APPS / name) for name in ("climate-agent", "model", "weather-agent", "weather-tool")]
