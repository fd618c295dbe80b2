"""Words that tell errors apart: where sentences differ in one of them, they have two templates.

Two limits of one provider differ in a single word of thirty, `tokens` and `requests`; a wildcard
there would make one issue of two. Names of people's own things are not among these words.
"""

_WORDS = """
    aborted accessible account after allowed argument authenticated available balance before
    billing busy call callable can't cannot closed column completion concurrent connect
    constraint container content context convert could credit daily database day declined decode
    denied deployment deprecated disabled does doesn't don't duplicate element empty encode end
    endpoint exceed exceeded exceeds exist existing expected expired failed few field file
    forbidden found function hashable high host hour image incorrect index input invalid is
    isn't iterable key large limit loading long low many message min minute missing model month
    monthly no not open organization output overloaded page parameter parse payment plan pod
    project prompt query quota rate reached read ready refused region rejected relation request
    required reset row schema second session short small start subscriptable supported table
    timed timeout token too tool unauthorized unavailable unexpected unknown unsupported user
    valid without write
"""

TELLING = frozenset(_WORDS.split())
