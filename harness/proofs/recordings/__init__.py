"""Records traces of the deployed stack, and replays the public agent's recordings through its collector."""
