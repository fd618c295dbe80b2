"""Pure: small requests of the journal that go to the intake as one.

Requests of OTLP written one behind the other are one request, and to hand on, read and answer one
costs the same whether it holds a span or a hundred. What is joined shares its fate, so one that
can never be stored is tried again alone.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from manager_agent.receiver.sink import Kept, Offer

MOST_BYTES = 128 * 1024
"""Of one parcel, or one request alone."""


class Parcel(NamedTuple):
    """Requests as one: `offer`, and where in the journal each of them lies."""

    kept: tuple[Kept, ...]
    offer: Offer


def parcels(requests: Iterable[tuple[Kept, Offer]], alone: Collection[Kept]) -> Iterator[Parcel]:
    """Yield all requests in their order; neighbours are joined where that changes nothing.

    Spans only, of senders that proved to be the same or proved nothing; none of `alone`.
    """
    kept: list[Kept] = []
    offers: list[Offer] = []
    size = 0
    for place, offer in requests:
        fits = size + len(offer.payload) <= MOST_BYTES
        apart = place in alone or (bool(kept) and kept[0] in alone)
        if offers and (apart or not fits or not _alike(offers[0], offer)):
            yield _joined(kept, offers)
            kept, offers, size = [], [], 0
        kept.append(place)
        offers.append(offer)
        size += len(offer.payload)
    if offers:
        yield _joined(kept, offers)


def _alike(one: Offer, other: Offer) -> bool:
    return one.signal == other.signal == "traces" and one.agent == other.agent


def _joined(kept: list[Kept], offers: list[Offer]) -> Parcel:
    if len(offers) == 1:
        return Parcel(tuple(kept), offers[0])
    first = offers[0]
    payload = b"".join([each.payload for each in offers])
    return Parcel(tuple(kept), Offer(payload, first.signal, first.agent))
