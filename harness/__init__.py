"""What `kubectl apply -k` and `robot robot/` do not need: clusters, images, stand-ins, faults, proofs."""
