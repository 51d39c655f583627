*** Settings ***
Documentation    Asks the agent each question several times, reads the traces of each from every backend, and writes the
...              contract that they teach. `python -m learn` runs it and gives it its variables.

Library          ../libraries/contracts/
Library          ../libraries/settings/
Resource         ../resources/capabilities.resource
Resource         ../resources/collector.resource
Resource         ../resources/questions.resource
Resource         ../resources/stack.resource
Resource         ../resources/traces.resource


*** Variables ***
# Seconds without a further span after which a trace is read: nobody knows yet how many it must have.
${SETTLED}    ${3}


*** Tasks ***
Write A First Contract
    [Documentation]    Ask, read, write; the task's message is what a person must know of the contract.
    Check Settings
    VAR    @{answered} =    @{EMPTY}
    FOR    ${round}    IN RANGE    ${TIMES}
        FOR    ${template}    IN    @{QUESTIONS}
            VAR    ${text} =    ${{$template.replace('{city}', $CITIES[$round % len($CITIES)])}}
            ${traces} =    Ask And Read Traces    ${text}
            VAR    @{answered} =    @{answered}    @{traces}
        END
    END
    ${agent} =    Get Component Service    weather-agent
    VAR    @{known} =    ${agent}[service]    ${QUESTIONS}[0]    ${answered}
    ${said} =    Write Learned Contract    ${OUT}    @{known}    overwrite=${OVERWRITE}
    Set Test Message    ${said}


*** Keywords ***
Check Settings
    [Documentation]    Fail, before anything is asked, where a setting is wrong.
    Variable Files Should Be Read
    ${variables} =    Get Variables    no_decoration=True
    Settings Should Be Valid    ${variables}    QUESTIONS    TIMES    OUT    OVERWRITE    SETTLED

Ask And Read Traces
    [Documentation]    Ask in a new context; return pairs of the answered question and its trace, one pair a backend.
    ...    Fail where the agent does not answer, or a trace does not arrive.
    [Arguments]    ${text}
    ${before} =    Read Collector Metrics Or None
    ${question} =    Ask In New Context    ${text}
    IF    $question.failure
        Fail    The agent did not answer ${text}: ${question.failure}
    END
    ${traces} =    Read Traces From Backends    ${question}    ${before}
    VAR    ${number} =    ${{len($traces[0].spans)}}
    Log    ${text} ${number} spans in ${{' and '.join(each.backend for each in $traces)}}.    console=${True}
    RETURN    ${{list(zip([$question] * len($traces), $traces))}}

Read Traces From Backends
    [Documentation]    Return the question's trace from each backend that is deployed, once no further span arrives;
    ...    fail with the verdict where one is not whole.
    [Arguments]    ${question}    ${before}
    ${backends} =    Get Deployed Backends
    IF    not $backends
        Fail    There is no trace to learn from: neither MLflow nor Phoenix is deployed.
    END
    VAR    @{traces} =    @{EMPTY}
    IF    'mlflow' in $backends
        ${has_settled} =    Get Settled Check    ${SETTLED}
        ${trace} =    Wait For Whole Trace In MLflow    ${question}    ${before}    ${has_settled}
        VAR    @{traces} =    ${trace}
    END
    IF    'phoenix' in $backends
        VAR    ${like} =    ${{$traces[0] if $traces else None}}
        ${trace} =    Wait For Whole Trace In Phoenix    ${question}    ${before}    ${like}
        VAR    @{traces} =    @{traces}    ${trace}
    END
    RETURN    ${traces}
