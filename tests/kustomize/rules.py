"""All rules that a rendered stack keeps. Each is a function that yields a sentence for whatever breaks it."""

import availability_rules
import pipeline_rules
import pod_rules
import policy_rules
import reference_rules
import schema_rules

RULES = (
    *schema_rules.RULES,
    *pod_rules.RULES,
    *reference_rules.RULES,
    *pipeline_rules.RULES,
    *availability_rules.RULES,
    *policy_rules.RULES,
)
OVERLAY_RULES = (*RULES, *pod_rules.OVERLAY_RULES)
