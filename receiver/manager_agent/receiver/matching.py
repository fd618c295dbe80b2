"""Pure: likely pairs, the likeliest first -> as many of them as can stand side by side.

Taking the likeliest pair again and again is not enough: it may take from a node its only partner,
and leave two nodes alone that belong to one call each.
"""

from collections.abc import Hashable, Iterable
from typing import TypeVar

Left = TypeVar("Left", bound=Hashable)
Right = TypeVar("Right", bound=Hashable)


def matched(pairs: Iterable[tuple[Left, Right]]) -> list[tuple[Left, Right]]:
    """Return a largest choice of `pairs` in which no node is twice; a pair's place is its rank.

    The likeliest pairs are chosen first. Where two nodes are left alone so, the pairs between them
    are exchanged (an augmenting path): the more are matched, and nobody loses its partner without
    getting another.
    """
    partners: dict[Left, list[Right]] = {}
    of_left: dict[Left, Right] = {}
    of_right: dict[Right, Left] = {}
    for left, right in pairs:
        partners.setdefault(left, []).append(right)
        if left not in of_left and right not in of_right:
            of_left[left], of_right[right] = right, left
    for left in partners:
        if left not in of_left:
            _exchange(left, partners, of_left, of_right)
    return list(of_left.items())


def _exchange(
    alone: Left,
    partners: dict[Left, list[Right]],
    of_left: dict[Left, Right],
    of_right: dict[Right, Left],
) -> None:
    """Give `alone` a partner by the fewest exchanges that reach a free one, if any do."""
    asked_by: dict[Right, Left] = {}
    queue = [alone]
    for left in queue:
        for right in partners[left]:
            if right in asked_by:
                continue
            asked_by[right] = left
            if right in of_right:
                queue.append(of_right[right])
                continue
            free: Right | None = right
            while free is not None:
                taker = asked_by[free]
                before = of_left.get(taker)
                of_left[taker], of_right[free] = free, taker
                free = before
            return
