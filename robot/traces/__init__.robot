*** Settings ***
Documentation     A question's own trace arrives whole in MLflow and in Phoenix and says what happened.

Resource          ../../resources/traces.resource

Suite Teardown    Report Arrival Times
