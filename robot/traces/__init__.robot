*** Settings ***
Documentation     A question's trace: whole and right in MLflow and in Phoenix, and nobody else's.

Resource          ../../resources/pipeline.resource

Suite Teardown    Tell How Long Traces Took
