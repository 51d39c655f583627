"""An MCP server with one tool, get_weather: computed from city and seed, so that a test can know it."""
