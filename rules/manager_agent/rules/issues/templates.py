"""Finds the template of a sentence: a tree of fixed depth over words, as Drain does.

By scope, number of words and first word it finds a few templates; of those the one that shares
most words is the sentence's, if it shares enough. What differs then becomes a wildcard. A
template never loses more than a share of the words it began with, so that it cannot decay until
everything fits.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from manager_agent.rules.issues.fingerprint import Scope, fingerprint
from manager_agent.rules.issues.mask import MASKS, bare
from manager_agent.rules.issues.telling import TELLING

ANY = "<*>"
_SHARED_PERCENT = 60
_MOST_LEARNT = 10_000
_ALL_OF, _ALL_BUT_ONE_OF = 2, 4
"""Of so few words that are no masks all, or all but one, must be shared."""

OVERFLOW = ("(one", "of", "many", "other", "errors)")
"""The template of what comes when there is no room for more templates in a scope."""


@dataclass(frozen=True, slots=True)
class Template:
    """What similar sentences have in common.

    `template_id`: the fingerprint. `version`: of the way from text to words. `tokens`: the words,
    `<*>` where they differ. `words`: how many of the first sentence were no masks. `exact`: only
    for sentences of just these words, since people asked for it.
    """

    template_id: str
    version: int
    scope: Scope
    tokens: tuple[str, ...]
    words: int
    exact: bool = False

    @property
    def text(self) -> str:
        """Return it as people read it."""
        return " ".join(self.tokens) or "(no message)"


_Branch = tuple[int, Scope, int, str]


class Templates:
    """The known templates. Not for several threads."""

    def __init__(self, known: Iterable[Template] = (), most_of_scope: int = 100) -> None:
        self._most = most_of_scope
        self._all: dict[str, Template] = {}
        self._branches: dict[_Branch, list[str]] = {}
        self._exact: dict[tuple[int, Scope, tuple[str, ...]], str] = {}
        self._sizes: dict[tuple[int, Scope], int] = {}
        self._learnt: dict[tuple[int, Scope, tuple[str, ...]], Template] = {}
        """What sentences were that changed nothing: they are so again until something changes."""
        for template in known:
            self.put(template)

    def get(self, template_id: str) -> Template | None:
        """Return a template that is known."""
        return self._all.get(template_id)

    def match(self, version: int, scope: Scope, tokens: tuple[str, ...]) -> Template | None:
        """Return the template of a sentence, None where no known one is."""
        plain = tuple(map(bare, tokens))
        exact = self._exact.get((version, scope, plain))
        if exact is not None:
            return self._all[exact]
        best: Template | None = None
        most = -1
        for template_id in self._branches.get(_branch(version, scope, tokens), ()):
            template = self._all[template_id]
            shared = _shared(template, plain)
            if shared is not None and shared >= _needed(template.words) and shared > most:
                best, most = template, shared
        return best

    def learn(self, version: int, scope: Scope, tokens: tuple[str, ...]) -> tuple[Template, bool]:
        """Return the template of a sentence, widened or new; and whether it changed."""
        key = (version, scope, tokens)
        known = self._learnt.get(key)
        if known is not None:
            return known, False
        found, changed = self._learn(version, scope, tokens)
        if not changed:
            if len(self._learnt) >= _MOST_LEARNT:
                self._learnt.clear()
            self._learnt[key] = found
        return found, changed

    def _learn(self, version: int, scope: Scope, tokens: tuple[str, ...]) -> tuple[Template, bool]:
        found = self.match(version, scope, tokens)
        if found is not None:
            wider = found if found.exact else replace(found, tokens=_widened(found.tokens, tokens))
            if wider.tokens == found.tokens:
                return found, False
            self._all[found.template_id] = wider
            self._learnt.clear()
            return wider, True
        if self._sizes.get((version, scope), 0) >= self._most:
            tokens = OVERFLOW
        new = new_template(version, scope, tokens)
        known = self._all.get(new.template_id)
        if known is not None:
            return known, False
        self.put(new)
        return new, True

    def put(self, template: Template) -> None:
        """Add a template, or put it in the place of the one with its id."""
        known = self._all.get(template.template_id)
        if known is template:
            return
        self._all[template.template_id] = template
        self._learnt.clear()
        if known is not None:
            return
        size = (template.version, template.scope)
        self._sizes[size] = self._sizes.get(size, 0) + 1
        if template.exact:
            plain = tuple(map(bare, template.tokens))
            self._exact[(template.version, template.scope, plain)] = template.template_id
        else:
            branch = _branch(template.version, template.scope, template.tokens)
            self._branches.setdefault(branch, []).append(template.template_id)

    def forget(self, template_id: str) -> None:
        """Let go of a template."""
        template = self._all.pop(template_id, None)
        if template is None:
            return
        self._learnt.clear()
        self._sizes[(template.version, template.scope)] -= 1
        self._exact = {key: one for key, one in self._exact.items() if one != template_id}
        branch = _branch(template.version, template.scope, template.tokens)
        if template_id in self._branches.get(branch, ()):
            self._branches[branch].remove(template_id)

    def __len__(self) -> int:
        return len(self._all)


def new_template(
    version: int, scope: Scope, tokens: tuple[str, ...], exact: bool = False
) -> Template:
    """Return a template that begins with a sentence."""
    words = sum(bare(token) not in MASKS for token in tokens)
    seed = ("=", *tokens) if exact else tokens
    return Template(fingerprint(version, scope, seed), version, scope, tokens, words, exact)


def _branch(version: int, scope: Scope, tokens: tuple[str, ...]) -> _Branch:
    """Return where in the tree a sentence is. A first word that differs is another template's."""
    return version, scope, len(tokens), bare(tokens[0]) if tokens else ""


def _needed(words: int) -> int:
    """Return how many of its words a template must share with a sentence."""
    if words <= _ALL_OF:
        return words
    return words - 1 if words <= _ALL_BUT_ONE_OF else -(-words * _SHARED_PERCENT // 100)


def _shared(template: Template, plain: tuple[str, ...]) -> int | None:
    """Return how many words are shared, less the masks that stand for something else.

    None where they differ in a word that tells errors apart.
    """
    shared = 0
    for own, other in zip(map(bare, template.tokens), plain, strict=True):
        if own == other:
            shared += own not in MASKS
        elif own in TELLING or other in TELLING:
            return None
        elif own != ANY and (own in MASKS or other in MASKS):
            shared -= 1
    return shared


def _widened(own: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        mine if bare(mine) == bare(its) else ANY for mine, its in zip(own, other, strict=True)
    )
