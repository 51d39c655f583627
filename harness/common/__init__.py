"""What several rooms of the harness use."""
