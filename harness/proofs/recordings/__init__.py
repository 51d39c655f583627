"""Records traces of the deployed stack, and replays recordings through its collector."""
