*** Settings ***
Documentation     What people see of a question in Phoenix's page of its trace, in a real browser. The page may not show
...               an error, fail a request or raise an error in its script.

Resource          ../../resources/capabilities.resource
Resource          ../../resources/suite-question.resource
Resource          ../../resources/ui-phoenix.resource

Suite Setup       Ask And Open The Browser
Suite Teardown    Close The Browser

Test Tags         ui    phoenix


*** Test Cases ***
Phoenix's Trace Page Shows Agent, Model And Tool With What Went In And Out
    [Documentation]    The same tree as in MLflow; agent, model and tool show input and output.
    ${trace} =    Get Trace From Phoenix
    ${canaries} =    Get Canaries    ${QUESTION}    ${trace}    ${CITY}
    ${tokens} =    Get Tokens Of First Model Call    ${trace}
    Open Phoenix Trace    ${trace.trace_id}
    Phoenix Trace Should Be Drawn    ${trace}    OK
    Phoenix Span Should Show    ${trace}    AGENT    ${QUESTION.text}    ${canaries}[0]
    Phoenix Span Should Show    ${trace}    LLM    ${QUESTION.text}    ${tokens}
    Phoenix Span Should Show    ${trace}    TOOL    ${CITY}    ${canaries}[0]
    Phoenix Page Should Be Sound


*** Keywords ***
Ask And Open The Browser
    [Documentation]    Skip where there is no Phoenix or its pages are not known; ask a question, and open a browser.
    Skip Unless Deployed    phoenix
    Skip Unless Deployed    phoenix-pages
    Ask The Question
    ${phoenix} =    Get Entry Point    phoenix
    Open The Browser    ${phoenix}

Get Tokens Of First Model Call
    [Documentation]    Return how many tokens a trace's first model call took in all; fail where it counts none.
    [Arguments]    ${trace}
    ${call} =    Get Span Of Kind    ${trace}    LLM    ${0}
    VAR    ${tokens} =    ${call.attributes.get('llm.token_count.total')}
    IF    $tokens is None
        Fail    The model call ${call.name} [${call.span_id}] counts no tokens.
    END
    RETURN    ${tokens}
