*** Settings ***
Documentation    The backends keep the last days of traces, and no more.

Resource         ../../resources/capabilities.resource
Resource         ../../resources/stack.resource

Test Tags        deployment    retention


*** Variables ***
${RETENTION}    app.kubernetes.io/name=retention


*** Test Cases ***
Traces Older Than The Retention Are Deleted On Schedule
    [Documentation]    The CronJob that deletes old traces is not suspended, and its last scheduled run succeeded. It
    ...    fails where one of the backends did not delete. Before its first run there is nothing to judge.
    Skip Unless Deployed    retention
    VAR    @{problems} =    @{EMPTY}
    ${namespaces} =    Get Namespaces
    FOR    ${namespace}    IN    @{namespaces}
        ${cronjobs} =    Read Objects    batch/v1    CronJob    ${namespace}    ${RETENTION}
        FOR    ${cronjob}    IN    @{cronjobs}
            ${found} =    Find Cronjob Problems    ${cronjob}
            VAR    @{problems} =    @{problems}    @{found}
        END
    END
    IF    $problems
        Fail    Old traces are not deleted: ${{'; '.join($problems)}}. The logs of its Job's pod say why.
    END
