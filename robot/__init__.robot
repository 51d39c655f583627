*** Settings ***
Documentation       Verifies the LLM observability stack that the current kubeconfig context runs: what is deployed, how it
...                 is reached, and that a question's trace arrives whole. It reads, and asks the weather agent
...                 questions; it changes nothing.
Name                LLM Observability

Resource            ../resources/entry.resource
Resource            ../resources/pipeline.resource
Resource            ../resources/stack.resource

Suite Setup         Tell What Is Verified


*** Keywords ***
Tell What Is Verified
    [Documentation]    Connect to the cluster and write into the report what it is; no test makes sense without it.
    ${cluster} =    Connect To The Cluster
    Set Suite Metadata    Context    ${cluster}[context]    top=True
    Set Suite Metadata    Cluster    Kubernetes ${cluster}[version] at ${cluster}[server]    top=True
    ${stock} =    The Stack
    ${workloads} =    All Workloads
    FOR    ${workload}    IN    @{workloads}
        ${images} =    Running Images    ${stock}    ${workload}
        Set Suite Metadata    ${workload}[metadata][name]    ${{', '.join($images)}}    top=True
    END
    TRY
        ${mlflow} =    Entry Point Of    mlflow
        Set Suite Metadata    MLflow    ${mlflow}    top=True
        Use MLflow At    ${mlflow}
        ${version} =    Read MLflow Version
        Set Suite Metadata    MLflow version    ${version}    top=True
        ${experiment} =    Read Experiment    ${EXPERIMENT}
        Set Suite Metadata    Experiment    ${{$experiment and f"{$experiment['name']} (id {$experiment['id']})"}}    top=True
    EXCEPT    AS    ${reason}
        Set Suite Metadata    MLflow    ${reason}    top=True
    END
