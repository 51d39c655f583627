"""What reading YAML raises, beside what YAML itself says is wrong."""

import yaml

# Python has no value for what stands there: 2026-13-45, a map as a key, bytes that are no UTF-8. PyYAML lets
# such errors through.
NOT_YAML = (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError)
