*** Settings ***
Documentation     What people see of the traces, in a real browser.

Resource          ../../resources/pipeline.resource

Suite Teardown    Tell How Long Traces Took
