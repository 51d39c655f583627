*** Settings ***
Documentation     What people see of a question in Phoenix's page of its trace, in a real browser. The page may not show
...               an error, fail a request or raise an error in its script.

Resource          ../../resources/capabilities.resource
Resource          ../../resources/run-question.resource
Resource          ../../resources/ui-phoenix.resource

Suite Setup       Ask And Open The Browser
Suite Teardown    Close The Browser

Test Tags         ui    phoenix


*** Test Cases ***
Phoenix's Trace Page Shows Agent, Model And Tool With What Went In And Out
    [Documentation]    The same tree as in MLflow; agent, model and tool show input and output.
    ${trace} =    Get Trace From Phoenix
    ${canary} =    Get First Canary    ${ASKED}    ${trace}    ${CITY}
    VAR    @{texts} =    ${ASKED.text}    ${CITY}    @{canary}
    Open Phoenix Trace    ${trace.trace_id}
    Phoenix Trace Should Be Drawn    ${trace}    OK
    FOR    ${selector}    IN    ROOT    ANY_LLM    ANY_TOOL
        ${span}    ${own} =    Find Span And Its Texts    ${trace}    ${selector}    ${0}    @{texts}
        IF    $span is not None    Phoenix Span Should Show    ${span}    @{own}
    END
    Phoenix Page Should Be Sound


*** Keywords ***
Ask And Open The Browser
    [Documentation]    Skip where there is no Phoenix or its pages are not known; ask a question, and open a browser.
    Skip Unless Deployed    phoenix
    Skip Unless Deployed    phoenix-pages
    Ask The Question Of The Suite
    ${phoenix} =    Get Entry Point    phoenix
    Open The Browser    ${phoenix}
