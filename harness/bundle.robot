*** Settings ***
Documentation    Makes a bundle of what the current context runs, without a run: `tox -e bundle`. It changes nothing.

Library          ../libraries/settings/
Resource         ../resources/bundle.resource


*** Tasks ***
Make A Bundle
    [Documentation]    Write the folder `bundle` of the output folder; fail where the cluster cannot be read.
    Variable Files Should Be Read
    ${variables} =    Get Variables    no_decoration=True
    Settings Should Be Valid    ${variables}
    ${about}    ${values}    ${parts} =    Read Bundle
    Write Bundle    ${about}    ${values}    @{parts}
