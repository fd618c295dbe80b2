"""The parts' numbers in the text formats of Prometheus."""

from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from manager_agent.contract.metric import Metric


class PartsCollector(Collector):
    """Asks the parts for their numbers whenever Prometheus does."""

    def __init__(self, read: Callable[[], Sequence[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Family]:
        """Yield a family for each metric; samples of one name from several parts are one family."""
        families: dict[str, Family] = {}
        for metric in self._read():
            # Prometheus names a counter's family without the suffix of its samples.
            name = metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name
            family = families.setdefault(name, Family(name, metric.help, metric.kind))
            for sample in metric.samples:
                family.add_sample(metric.name, dict(sample.labels), sample.value)
        yield from families.values()

    def describe(self) -> Iterator[Family]:
        """Yield nothing: registering must not read the numbers."""
        yield from ()


def registry(read: Callable[[], Sequence[Metric]]) -> CollectorRegistry:
    """Return a registry of the parts' numbers and those of this process."""
    found = CollectorRegistry()
    ProcessCollector(registry=found)
    found.register(PartsCollector(read))
    return found


def exposition(found: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Return the numbers and their content type, in the format that `accept` prefers."""
    encode, content_type = choose_encoder(accept)
    return encode(found), content_type
