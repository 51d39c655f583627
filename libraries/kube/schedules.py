"""Judges CronJobs: that they are due, and that their last run succeeded."""

from __future__ import annotations

from robot.api.deco import keyword, library

from kube.model import Object


@library(scope="GLOBAL")
class Schedules:
    """Judges CronJobs of the Kubernetes API; a list of problems is empty when all is well."""

    @keyword
    def find_cronjob_problems(self, cronjob: Object) -> list[str]:
        """Return that a CronJob is suspended, and that its last scheduled run did not succeed.

        One that was not due yet, and one that runs now, has no problem with its runs.
        """
        name, status = cronjob["metadata"]["name"], cronjob.get("status", {})
        if cronjob["spec"].get("suspend"):
            return [f"CronJob {name} is suspended, so it never runs"]
        due, succeeded = status.get("lastScheduleTime", ""), status.get("lastSuccessfulTime", "")
        if status.get("active") or not due or succeeded >= due:
            return []
        return [
            f"CronJob {name} was due at {due}, and that run did not succeed "
            f"(the last one that did: {succeeded or 'none'})"
        ]
