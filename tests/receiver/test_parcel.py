"""Small requests joined into one: it tells what they tell, in their order, of the same senders."""

from hypothesis import given, settings
from hypothesis import strategies as st

from manager_agent.receiver.decode import Decoder
from manager_agent.receiver.parcel import MOST_BYTES, parcels
from manager_agent.receiver.signals import SignalName
from manager_agent.receiver.sink import Kept, Offer
from tests.harness.otlp import one_call, request

PAYLOADS = [
    request([one_call(f"service {n % 3}", n) for n in range(spans)]).SerializeToString()
    for spans in (0, 1, 2, 70)
]
SIGNALS: list[SignalName] = ["traces", "traces", "traces", "logs", "metrics"]
OFFERS = st.builds(
    Offer, st.sampled_from(PAYLOADS), st.sampled_from(SIGNALS), st.sampled_from([None, "a", "b"])
)


@settings(max_examples=50)
@given(offers=st.lists(OFFERS, max_size=40), alone=st.sets(st.integers(0, 39)))
def test_nothing_is_lost_mixed_up_or_too_large(offers: list[Offer], alone: set[int]) -> None:
    places = [Kept(1, number, len(offer.payload)) for number, offer in enumerate(offers)]

    apart = {place for place in places if place.offset in alone}
    found = list(parcels(zip(places, offers, strict=True), apart))

    assert [kept for parcel in found for kept in parcel.kept] == places
    for kept, offer in found:
        parts = [offers[place.offset] for place in kept]
        assert offer.payload == b"".join(part.payload for part in parts)
        assert {(part.signal, part.agent) for part in parts} == {(offer.signal, offer.agent)}
        if len(parts) > 1:
            assert offer.signal == "traces"
            assert len(offer.payload) <= MOST_BYTES
            assert apart.isdisjoint(kept)


def test_those_that_are_to_go_alone_do() -> None:
    places = [Kept(1, number, 1) for number in range(5)]
    offered = [(place, Offer(PAYLOADS[1])) for place in places]

    found = [parcel.kept for parcel in parcels(offered, {places[2]})]

    assert found == [tuple(places[:2]), (places[2],), tuple(places[3:])]


def test_a_parcel_has_a_size() -> None:
    whole = MOST_BYTES // 4
    sizes = [whole, whole, whole, whole, 1, MOST_BYTES, 5 * MOST_BYTES, 1, 1]
    offered = [(Kept(1, n, size), Offer(bytes(size))) for n, size in enumerate(sizes)]

    found = [[place.size for place in parcel.kept] for parcel in parcels(offered, ())]

    assert found == [[whole] * 4, [1], [MOST_BYTES], [5 * MOST_BYTES], [1, 1]]


def test_joined_they_tell_what_they_told_alone() -> None:
    (parcel,) = parcels([(Kept(1, n, 1), Offer(each)) for n, each in enumerate(PAYLOADS)], ())

    alone = [told for each in PAYLOADS for told in _told(each)]
    assert _told(parcel.offer.payload) == alone
    assert len(alone) == 73


def _told(payload: bytes) -> list[tuple[object, ...]]:
    spans = Decoder().decode(payload).spans
    return [(*span._replace(own={}, shape=None), span.attributes) for span in spans]
