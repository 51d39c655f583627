*** Settings ***
Documentation     What people see of the traces, in a real browser.

Resource          ../../resources/traces.resource

Suite Teardown    Report Arrival Times

Name              UI
