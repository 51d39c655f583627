"""Gets a Kubernetes cluster and gives it back: kind, or the embedded cluster."""
