"""The section `reports` of the configuration: what is reported on its own."""

from manager_agent.app.sections import Section


class Reports(Section):
    """What is reported on its own; `monitoring` says when."""

    hourly: bool = True
    """A summary each `monitoring.summary_interval_minutes`."""
    daily: bool = True
    """A report of the day before, at `monitoring.daily_report_hour`."""
    weekly: bool = True
    """A report of the week before, on Mondays at that hour."""
    issues: bool = False
    """A report of all open issues, daily at that hour; the daily one names the first of them."""
    when_quiet: bool = False
    """Also where there is nothing to tell: no calls, and nothing wrong."""
