*** Settings ***
Documentation    Asks the climate agent, and records in tests/recorded/climate what MLflow and Phoenix store of it:
...              `robot --variable AGENT_SERVICE:climate-agent harness/proofs/recordings/climate_agent.robot`.
...              The agent must run: `kubectl apply -k harness/proofs/second_agent/manifests`. The tasks named GenAI
...              need it without INSTRUMENTATIONS, and a collector without a filter.

Resource         recordings.resource

Task Template    Record Question With Contract

Default Tags     climate-agent


*** Tasks ***    CONTRACT    RECORDING    QUESTION    TOOL CALLS    CITIES
OpenInference
    any-agent    climate/openinference    What is the weather in Paris?    ${1}    Paris
OpenInference Again
    any-agent    climate/openinference-again    What is the weather in Paris?    ${1}    Paris
OpenInference Another
    any-agent    climate/openinference-another    What is the weather in Rome?    ${1}    Rome
OpenInference No Tool
    any-agent    climate/openinference-no-tool    Hello, who are you?    ${0}
GenAI
    any-agent    climate/genai    What is the weather in Paris?    ${1}    Paris
GenAI Again
    any-agent    climate/genai-again    What is the weather in Paris?    ${1}    Paris
