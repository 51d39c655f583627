*** Settings ***
Documentation     A question's trace: whole and right in MLflow and in Phoenix, and nobody else's.

Resource          ../../resources/traces.resource

Suite Teardown    Report Arrival Times
