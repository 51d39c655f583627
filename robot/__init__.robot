*** Settings ***
Documentation     Verifies the LLM observability stack that the current kubeconfig context runs: what is deployed, how
...               it is reached, and that a question's trace arrives whole. The suites read, and ask the weather
...               agent questions; they change nothing. In the end they search their own output for secrets.

Library           ../libraries/settings/
Resource          ../resources/bundle.resource
Resource          ../resources/collector.resource
Resource          ../resources/capabilities.resource
Resource          ../resources/findings.resource
Resource          ../resources/diagnosis.resource
Resource          ../resources/mlflow.resource
Resource          ../resources/run-question.resource
Resource          ../resources/secrecy.resource
Resource          ../resources/stack.resource

Suite Setup       Report What Is Verified
Suite Teardown    Report What Was Found

Name              LLM Observability


*** Keywords ***
Report What Is Verified
    [Documentation]    Connect to the cluster and write into the report what it is; no test makes sense without it.
    Check Settings
    Report Cluster
    Report Images
    Diagnose Components
    Report Pipelines
    Report MLflow
    Report Entry Points
    Keep Agent Metrics Of Start
    Diagnose Question

Report Cluster
    [Documentation]    Write the cluster into the report; fail where it does not have the stack's namespaces.
    ${cluster} =    Connect To The Cluster
    Set Suite Metadata    Context    ${cluster}[context]    top=True
    Set Suite Metadata    Cluster    Kubernetes ${cluster}[version] at ${cluster}[server]    top=True
    ${namespaces} =    Get Namespaces
    Namespaces Should Exist    ${namespaces}

Check Settings
    [Documentation]    Fail, before anything is asked, where a setting is wrong or names a contract that there is not.
    Variable Files Should Be Read
    ${variables} =    Get Variables    no_decoration=True
    Settings Should Be Valid    ${variables}
    Get Required Capabilities
    Describe Tolerances    ${TOLERATE}
    IF    not $CONTRACT    RETURN
    TRY
        Read Contract    ${CONTRACT}
    EXCEPT    AS    ${reason}
        Fail    Correct CONTRACT: ${reason}
    END

Diagnose Question
    [Documentation]    Where tests of the run ask questions, look at a question's trace.
    ${asks} =    Check If Run Has Tests    traces OR ui
    IF    ${asks}    Diagnose Traces

Report What Was Found
    [Documentation]    Write findings that do not fail into the report, and search the output for secrets. Make a
    ...    bundle of a run that failed.
    Report Findings
    IF    $SUITE_STATUS == 'FAIL'    Make Bundle
    TRY
        Output Should Contain No Secret
    EXCEPT    AS    ${leak}
        IF    $SUITE_STATUS != 'FAIL'    Make Bundle
        Fail    ${leak}
    END

Report Images
    [Documentation]    Write the images of each workload into the report.
    ${stack} =    Get Stack
    ${workloads} =    Get All Workloads
    FOR    ${workload}    IN    @{workloads}
        ${images} =    Find Running Images    ${stack}    ${workload}
        Set Suite Metadata    Image of ${workload}[metadata][name]    ${{', '.join($images)}}    top=True
    END
