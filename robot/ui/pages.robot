*** Settings ***
Documentation     What people see of a question, and of a conversation of two, in the pages of MLflow and Phoenix, in a
...               real browser. No page may show an error, fail a request or raise an error in its script.

Resource          ../../resources/collector.resource
Resource          ../../resources/questions.resource
Resource          ../../resources/traces.resource
Resource          ../../resources/ui-mlflow.resource
Resource          ../../resources/ui-phoenix.resource

Suite Setup       Ask And Open The Browser
Suite Teardown    Close The Browser

Test Tags         ui


*** Variables ***
${OTHER_CITY}    Rome


*** Test Cases ***
MLflow's Traces List Shows The Question And Opens Its Trace
    [Documentation]    The row shows question, answer, session, state and tokens; a click on it opens the trace.
    [Tags]    mlflow
    Open MLflow Traces    ${MLFLOW}    ${EXPERIMENT_ID}    ${TRACE.trace_id}
    MLflow Row Should Show
    ...    ${TRACE.trace_id}
    ...    ${QUESTION.text}
    ...    ${STATION}
    ...    ${QUESTION.context_id}
    ...    OK
    ...    ${TRACE.tokens}[total]
    MLflow Page Should Be Sound
    Click MLflow Row    ${TRACE.trace_id}
    MLflow Trace Should Be Drawn    ${TRACE}
    MLflow Page Should Be Sound

MLflow's Trace Page Shows Agent, Model And Tool With What Went In And Out
    [Documentation]    The tree is the trace's; agent, model and tool each show input and output; tokens are summed up.
    [Tags]    mlflow
    Open MLflow Trace    ${MLFLOW}    ${EXPERIMENT_ID}    ${TRACE.trace_id}
    VAR    ${tokens} =    ${{format($TRACE.tokens['total'], ',')}} tokens
    MLflow Trace Should Be Drawn    ${TRACE}    Success    ${tokens}
    MLflow Span Should Show    ${TRACE.of_kind('AGENT')}[0]    ${QUESTION.text}    ${STATION}
    MLflow Span Should Show    ${TRACE.of_kind('LLM')}[-1]    ${QUESTION.text}    ${STATION}
    MLflow Span Should Show    ${TRACE.of_kind('TOOL')}[0]    ${CITY}    ${STATION}
    MLflow Page Should Be Sound

MLflow's Sessions View Shows The Conversation
    [Documentation]    The session of a conversation's contextId is listed and opens with its two turns, in order.
    [Tags]    mlflow
    ${trace}    ${first}    ${second} =    Hold A Conversation
    ${weather} =    Get Expected Weather    ${OTHER_CITY}
    Open MLflow Sessions    ${MLFLOW}    ${EXPERIMENT_ID}    ${trace.trace_id}
    MLflow Session Row Should Show    ${first.context_id}    ${first.text}
    MLflow Page Should Be Sound
    Click MLflow Session Row    ${first.context_id}
    MLflow Session Should Have Turns    2
    MLflow Turn Should Show    1    ${first.text}    ${STATION}
    MLflow Turn Should Show    2    ${second.text}    ${weather}[station]
    MLflow Page Should Be Sound

Phoenix's Trace Page Shows Agent, Model And Tool With What Went In And Out
    [Documentation]    The same tree as in MLflow; agent and tool show input and output.
    [Tags]    phoenix
    Skip Unless The Overlay Has Phoenix
    ${trace} =    Wait For Whole Trace In Phoenix    ${QUESTION}    ${BEFORE}    ${TRACE}
    ${project} =    Get JSON From Component    phoenix    /v1/projects/${PHOENIX_PROJECT}
    Open Phoenix Trace    ${PHOENIX}    ${project}[data][id]    ${trace.trace_id}
    Phoenix Trace Should Be Drawn    ${trace}    OK
    Phoenix Span Should Show    ${trace.of_kind('AGENT')}[0]    ${QUESTION.text}    ${STATION}
    VAR    ${llm} =    ${trace.of_kind('LLM')}[0]
    Phoenix Span Should Show    ${llm}    ${QUESTION.text}    ${llm.attributes}[llm.token_count.total]
    Phoenix Span Should Show    ${trace.of_kind('TOOL')}[0]    ${CITY}    ${STATION}
    Phoenix Page Should Be Sound


*** Keywords ***
Ask And Open The Browser
    [Documentation]    Ask a question, wait for its trace in MLflow, and open a browser. Without any of these there is
    ...    nothing to look at, so each test fails with the cause.
    Ask One Question
    ${experiment} =    Get Experiment Id
    VAR    ${EXPERIMENT_ID} =    ${experiment}    scope=SUITE
    ${mlflow} =    Get Entry Point    mlflow
    ${phoenix} =    Get Entry Point    phoenix
    Open The Browser    ${mlflow}    ${phoenix}
    VAR    ${MLFLOW} =    ${mlflow.url}    scope=SUITE
    VAR    ${PHOENIX} =    ${phoenix.url}    scope=SUITE

Ask One Question
    [Documentation]    Ask in a new context, and wait until MLflow has the trace.
    ${weather} =    Get Expected Weather    ${CITY}
    VAR    ${STATION} =    ${weather}[station]    scope=SUITE
    ${before} =    Read Collector Metrics Or None
    VAR    ${BEFORE} =    ${before}    scope=SUITE
    ${asked} =    Ask About The Weather    What is the weather in ${CITY}?
    VAR    ${QUESTION} =    ${asked}    scope=SUITE
    ${found} =    Wait For Whole Trace In MLflow    ${QUESTION}    ${BEFORE}
    Record Arrival Time    MLflow    ${QUESTION}    ${found}
    VAR    ${TRACE} =    ${found}    scope=SUITE

Hold A Conversation
    [Documentation]    Ask two questions in one new context, wait until MLflow has both traces; return the first
    ...    question's trace and both questions.
    ${first} =    Ask About The Weather    What is the weather in ${CITY}?
    ${trace} =    Wait For Whole Trace In MLflow    ${first}    ${BEFORE}
    Record Arrival Time    MLflow    ${first}    ${trace}
    ${agent} =    Get Entry Point    weather-agent
    VAR    ${text} =    What is the weather in ${OTHER_CITY}?
    ${second} =    Ask The Agent    ${agent}    ${text}    ${first.context_id}    ${LIMITS}[answer]
    Wait Until Keyword Succeeds    ${LIMITS}[trace]    250ms    Session Should Have Two Traces    ${first.context_id}
    RETURN    ${trace}    ${first}    ${second}

Session Should Have Two Traces
    [Documentation]    Fail unless MLflow has two traces of a conversation.
    [Arguments]    ${session}
    ${traces} =    Find Traces Of Session In MLflow    ${session}    ${EXPERIMENT_ID}
    Length Should Be    ${traces}    2    Of session ${session} MLflow has not two traces but ${traces}
