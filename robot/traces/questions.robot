*** Settings ***
Documentation    Every kind of question makes the trace that its contract says, in both backends: with several tool
...              calls, with none, and when a tool or the model fails. With another model than the scripted one these
...              questions mean nothing.

Resource         ../../resources/capabilities.resource
Resource         ../../resources/contracts.resource
Resource         ../../resources/kinds-of-questions.resource
Resource         ../../resources/questions.resource
Resource         ../../resources/traces.resource

Suite Setup      Ask Every Kind Of Question
Test Template    Trace Should Be As Its Contract Says

Test Tags        traces    contract    kinds    mlflow    phoenix    weather-agent    weather-tool    model


*** Test Cases ***    KIND    QUESTION    TOOL CALLS    CITIES
Each City Is A Tool Call Of Its Own
    [Documentation]    One TOOL span a city, each with its own canary, all before the model's last call.
    several-tools    ${THREE_CITIES}    ${3}    Paris    Rome    Oslo
Many Cities In One Question Are As Many Tool Calls
    [Documentation]    The model call after them has more attributes than an SDK keeps by default. This project's agent
    ...    keeps them all; the public one drops the oldest, which the report names.
    ${MANY_TOOLS}    ${ALL_CITIES}    ${{len($CITIES)}}    @{CITIES}
A Greeting Needs No Tool
    [Documentation]    One model call, no TOOL span, no canary.
    no-tool    ${GREETING}    ${0}
A Tool's Failure Is An Error On Its Span, And The Agent Answers
    [Documentation]    ERROR and an exception event on the tool's span; the model gets the error; MLflow's trace is OK.
    [Template]    Traces Of Failing Cities Should Be As Their Contracts Say
    ${FAILING_CITIES}
One Tool's Failure Among Several Is An Error On Its Span Alone
    [Documentation]    The other calls are good, and the answer holds what they said and the error.
    one-of-several-tools-fails    ${ONE_FAILING_CITY}    ${3}    Paris    Oslo
A Model's Failure Is An Error Up To The Trace
    [Documentation]    ERROR from the model call up to the agent's span, no tool, no tokens; MLflow's trace is an ERROR.
    model-fails    ${MODEL_FAILURE}    ${0}
A Model That Fails After The Tool Leaves The Earlier Spans Good
    [Documentation]    The first model call and the tool are good and counted, the second call and all above it are not.
    model-fails-after-tool    ${MODEL_FAILURE_AFTER_TOOL}    ${1}    Paris


*** Keywords ***
Ask Every Kind Of Question
    [Documentation]    Ask all questions at once, unless the run has done so; the tests judge them one by one. Skip
    ...    where the model does not know the words, where the agent makes GenAI spans, or where it is none whose
    ...    questions have contracts.
    FOR    ${capability}    IN    @{NEEDED_BY_KINDS}
        Skip Unless Deployed    ${capability}
    END
    ${questions} =    Get Every Kind Of Question
    VAR    &{ASKED_BY_TEXT} =    &{{ {each.text: each for each in $questions} }}    scope=SUITE

Traces Of Failing Cities Should Be As Their Contracts Say
    [Documentation]    Fail unless the trace of each city for which the tool fails fulfils its contract.
    [Arguments]    ${cities}
    FOR    ${city}    ${kind}    IN    &{cities}
        Trace Should Be As Its Contract Says    ${kind}    What is the weather in ${city}?    ${1}
    END

Trace Should Be As Its Contract Says
    [Documentation]    Fail unless the trace of a question fulfils its contract in MLflow and, where the overlay has it,
    ...    in Phoenix.
    [Arguments]    ${kind}    ${text}    ${tool_calls}    @{cities}
    VAR    ${question} =    ${ASKED_BY_TEXT}[${text}]
    ${contract} =    Get Contract    ${kind}    mlflow
    ${trace} =    Wait For What Contract Demands    ${question}    ${contract}    ${tool_calls}
    Trace Should Have Arrived    MLflow    ${question}    ${trace}
    ${arrival} =    Record Arrival Time    MLflow    ${question}    ${trace}
    Set Test Message    MLflow: ${arrival}    append=True
    ${canaries} =    Get Canaries    ${question}    ${trace}    ${contract}    @{cities}
    VAR    @{expectation} =    ${question}    ${canaries}    ${tool_calls}
    Trace Should Fulfil Contract    ${trace}    ${contract}    @{expectation}
    Phoenix Should Have The Same Trace    ${kind}    ${trace}    ${expectation}

Wait For What Contract Demands
    [Documentation]    Return the question's trace in MLflow when it has all spans that its contract demands, or what
    ...    there is after the limit.
    [Arguments]    ${question}    ${contract}    ${tool_calls}
    ${experiment_id} =    Get Experiment Id
    ${has_all} =    Get Arrival Check Of Run    ${contract}    ${tool_calls}
    ${trace} =    Wait For Trace In MLflow
    ...    ${question.context_id}
    ...    ${experiment_id}
    ...    ${LIMITS}[trace]
    ...    ${has_all}
    RETURN    ${trace}

Phoenix Should Have The Same Trace
    [Documentation]    Fail unless Phoenix has the trace that MLflow has, and it fulfils the contract there too; pass
    ...    where no Phoenix is deployed.
    [Arguments]    ${kind}    ${trace}    ${expectation}
    ${backends} =    Get Deployed Backends
    IF    'phoenix' not in $backends    RETURN
    VAR    ${question} =    ${expectation}[0]
    ${same} =    Wait For Session In Phoenix    ${question.context_id}    ${{len($trace.spans)}}
    Trace Should Have Arrived    Phoenix    ${question}    ${same}
    ${contract} =    Get Contract    ${kind}    phoenix
    Trace Should Fulfil Contract    ${same}    ${contract}    @{expectation}
    Phoenix Should Hold The Same Spans    ${question}    ${trace}    ${same}

Trace Should Have Arrived
    [Documentation]    Fail with the verdict where a backend has no whole trace of a question.
    [Arguments]    ${backend}    ${question}    ${trace}
    IF    $trace is not None    Log Trace    ${trace}
    IF    $trace is None or not $trace.is_whole
        VAR    &{known} =    before=${EVERY_KIND.before}    trace=${trace}
        ${verdict} =    Get Verdict Of One Question    ${backend.lower()}    ${question}    &{known}
        Fail    ${verdict}
    END
