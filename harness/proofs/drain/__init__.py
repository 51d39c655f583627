"""A node of a kind cluster is drained, and no span is lost."""
