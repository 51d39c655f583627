*** Settings ***
Documentation     Verifies the LLM observability stack that the current kubeconfig context runs: what is deployed, how
...               it is reached, and that a question's trace arrives whole. The suites read, and ask the weather
...               agent questions; they change nothing. In the end they search their own output for secrets.

Resource          ../resources/entry.resource
Resource          ../resources/mlflow.resource
Resource          ../resources/secrecy.resource
Resource          ../resources/stack.resource

Suite Setup       Report What Is Verified
Suite Teardown    Output Should Contain No Secret

Name              LLM Observability


*** Keywords ***
Report What Is Verified
    [Documentation]    Connect to the cluster and write into the report what it is; no test makes sense without it.
    ${cluster} =    Connect To The Cluster
    Set Suite Metadata    Context    ${cluster}[context]    top=True
    Set Suite Metadata    Cluster    Kubernetes ${cluster}[version] at ${cluster}[server]    top=True
    Report Images
    TRY
        Report MLflow
    EXCEPT    AS    ${reason}
        Set Suite Metadata    MLflow    ${reason}    top=True
    END

Report Images
    [Documentation]    Write the images of each workload into the report.
    ${stack} =    Get Stack
    ${workloads} =    Get All Workloads
    FOR    ${workload}    IN    @{workloads}
        ${images} =    Find Running Images    ${stack}    ${workload}
        Set Suite Metadata    Image of ${workload}[metadata][name]    ${{', '.join($images)}}    top=True
    END

Report MLflow
    [Documentation]    Write into the report where MLflow is and which experiment the traces go to.
    ${mlflow} =    Get Entry Point    mlflow
    Use MLflow At    ${mlflow}
    ${version} =    Read MLflow Version
    Set Suite Metadata    MLflow    ${version} at ${mlflow}    top=True
    ${experiment} =    Read Experiment    ${EXPERIMENT_NAME}
    IF    $experiment is not None
        Set Suite Metadata    Experiment    ${experiment}[name] (id ${experiment}[id])    top=True
    END
