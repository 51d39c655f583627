"""An MCP server with one tool, get_weather: computed from city and seed, or asked of open-meteo."""
