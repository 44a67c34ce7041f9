"""What words mean as an answer: yes or no, and the three labels of inference."""

from collections.abc import Iterable

from stages.graders.languages import english
from stages.graders.languages.others import LANGUAGES
from stages.graders.languages.wordlists import Table, phrases
from stages.shared.rows import Kind


def _words(text: str) -> list[str]:
    return text.split()


def _table(**meanings: str) -> dict[str, str]:
    """A dictionary from each word to its meaning."""
    return {word: meaning for meaning, words in meanings.items() for word in _words(words)}


def _single(tables: Iterable[Table]) -> str:
    """The single words of tables, with spaces between."""
    return " ".join(word for word in phrases(*tables) if " " not in word)


YES_NO = _table(
    yes=_single([english.YES, *(language.yes for language in LANGUAGES)]),
    no=_single([english.NO, *(language.no for language in LANGUAGES)]),
)
NLI = _table(
    entailment="entailment entails entail entailed entailing true yes correct supported supports implied "
    "implies follows follow 蕴含",
    neutral="neutral neither undetermined unknown inconclusive unrelated uncertain unclear ambiguous "
    "unsupported maybe possibly 中立",
    contradiction="contradiction contradicts contradict contradicted contradictory contradicting false no "
    "incorrect refuted refutes wrong untrue 矛盾",
)
GOLDS = {
    Kind.YES_NO: _table(yes="yes true correct", no="no false incorrect"),
    Kind.NLI: _table(
        entailment="entailment entailed true yes",
        neutral="neutral neither unknown undetermined",
        contradiction="contradiction contradicted false no",
    ),
}

# words that are an answer alone, and nothing within a sentence
BARE = _table(yes="y t certainly definitely surely naturally", no="n f never")
NEGATORS = frozenset(
    _words("not isn't doesn't don't wasn't aren't didn't never cannot can't nor hardly won't wouldn't")
)
# words that mean something in a last sentence only at its end
WEAK = frozenset(_words("true false right correct wrong si ja non indeed follow follows negative no"))
# words that name a label even in a long text
TECHNICAL = frozenset(
    _words("entailment entails entailed neutral neither contradiction contradicts contradicted contradictory")
)
# words that only introduce an answer
INTRODUCING = frozenset(
    _words(
        "the a an answer is it it's that that's this probably likely most definitely clearly certainly "
        "simply just so therefore thus hence would be to i i'd say think believe final result conclusion "
        "statement hypothesis claim relationship label my of course resounding clear definite as and in case "
        "actually overall then option choice still seems must we can conclude with confidence safely "
        "sentence premise"
    )
)
CONDITIONS = frozenset(["if", "whether", "unless"])
JOINING = frozenset(["or", "nor", "and"])
