"""The real ledger and real wallets keep the law whatever happens between them."""

from hypothesis import HealthCheck, settings

from tests.control.machine import Machine

Machine.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestMachine = Machine.TestCase
