*** Settings ***
Documentation     What people see of a question, and of a conversation of two, in MLflow's pages, in a real browser. No
...               page may show an error, fail a request or raise an error in its script.

Resource          ../../resources/capabilities.resource
Resource          ../../resources/run-question.resource
Resource          ../../resources/ui-mlflow.resource

Suite Setup       Ask And Open The Browser
Suite Teardown    Close The Browser

Test Tags         ui    mlflow

Name              MLflow


*** Variables ***
${OTHER_CITY}    Rome


*** Test Cases ***
MLflow's Traces List Shows The Question And Opens Its Trace
    [Documentation]    The row shows question, answer, state, tokens and, where the release lists it, the session. A
    ...    click on it opens the trace.
    ${trace} =    Get Trace From MLflow
    ${canary} =    Get First Canary    ${ASKED}    ${trace}    ${CITY}
    ${tokens} =    Get Total Tokens    ${trace}
    Open MLflow Traces    ${trace}
    VAR    @{texts} =    ${ASKED.text}    OK    @{canary}    @{tokens}
    MLflow Row Should Show    ${trace.trace_id}    ${ASKED.context_id}    @{texts}
    MLflow Page Should Be Sound
    Click MLflow Row    ${trace.trace_id}
    MLflow Trace Should Be Drawn    ${trace}
    MLflow Page Should Be Sound

MLflow's Trace Page Shows Agent, Model And Tool With What Went In And Out
    [Documentation]    The tree is the trace's; agent, model and tool each show input and output; tokens are summed up.
    ${trace} =    Get Trace From MLflow
    ${canary} =    Get First Canary    ${ASKED}    ${trace}    ${CITY}
    VAR    @{texts} =    ${ASKED.text}    ${CITY}    @{canary}
    Open MLflow Trace    ${trace}
    MLflow Trace Should Be Drawn    ${trace}
    MLflow Trace Should Show Success And Tokens    ${trace}
    FOR    ${selector}    ${number}    IN    ROOT    ${0}    ANY_LLM    ${-1}    ANY_TOOL    ${0}
        ${span}    ${own} =    Find Span And Its Texts    ${trace}    ${selector}    ${number}    @{texts}
        IF    $span is not None    MLflow Span Should Show    ${span}    @{own}
    END
    MLflow Page Should Be Sound

MLflow's Sessions View Shows The Conversation
    [Documentation]    The session of a conversation's contextId is listed and opens with its two turns, in order.
    ${session}    ${trace}    ${first}    ${second} =    Get Conversation Of Two
    ${one}    ${other} =    Get Questions About    ${CITY}    ${OTHER_CITY}
    Open MLflow Sessions    ${trace}
    MLflow Session Row Should Show    ${session}    ${one}
    MLflow Page Should Be Sound
    Click MLflow Session Row    ${session}
    MLflow Session Should Have Turns    2
    MLflow Turn Should Show    1    ${one}    @{first}
    MLflow Turn Should Show    2    ${other}    @{second}
    MLflow Page Should Be Sound


*** Keywords ***
Ask And Open The Browser
    [Documentation]    Skip where MLflow's pages are not known, and fail where MLflow rejects what they ask; ask a
    ...    question, and open a browser that reaches MLflow.
    Skip Unless Deployed    mlflow-pages
    Pages Of MLflow Should Not Be Blocked
    Ask The Question Of The Suite
    Start The Conversation
    ${mlflow} =    Get Entry Point    mlflow
    Open The Browser    ${mlflow}

Get Total Tokens
    [Documentation]    Return MLflow's sum of a trace's tokens, as a list; an empty one where no span counts any.
    [Arguments]    ${trace}
    RETURN    ${{[$trace.tokens['total']] if $trace.tokens else []}}

Start The Conversation
    [Documentation]    Start to ask two questions in one context: their traces come while the first tests go on.
    ${texts} =    Get Questions About    ${CITY}    ${OTHER_CITY}
    ${conversation} =    Start Asking    ${texts}
    VAR    ${CONVERSATION} =    ${conversation}    scope=SUITE

Get Conversation Of Two
    [Documentation]    Wait for the conversation's answers and its traces in MLflow; return the session, the first
    ...    trace, and the canary of each turn. Where not even the suite's question has a trace, fail with that
    ...    verdict.
    Get Trace From MLflow
    VAR    @{questions} =    @{CONVERSATION.result()}
    FOR    ${question}    IN    @{questions}
        Agent Should Have Answered    ${question}
    END
    VAR    ${session} =    ${questions[0].context_id}
    ${arrivals} =    Wait For Conversations    ${questions}
    Length Should Be    ${arrivals}    2    MLflow has ${{len($arrivals)}} traces of session ${session}, expected 2.
    ${first} =    Get First Canary    ${questions}[0]    ${arrivals[0].trace}    ${CITY}
    ${second} =    Get First Canary    ${questions}[1]    ${arrivals[1].trace}    ${OTHER_CITY}
    RETURN    ${session}    ${arrivals[0].trace}    ${first}    ${second}
