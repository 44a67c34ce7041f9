"""A part of a response that may hold the final answer, and how a text is split into sentences."""

import re
from typing import NamedTuple

from stages.graders.languages.english import ABBREVIATIONS
from stages.graders.languages.wordlists import phrases

MAX_TAIL = 2000  # characters at the end of a text that are split into sentences
# no abbreviation ends here: `Mr. Watson`
UNABBREVIATED = "".join(rf"(?<!\b{re.escape(word)}\.)" for word in phrases(ABBREVIATIONS))
# where a sentence ends before another one that begins with a capital letter or a formula
SENTENCE_BREAK = re.compile(
    rf"(?<=[.!?]){UNABBREVIATED}\s+(?![AP]?M\.)(?=[A-Z*$\\(\"'])|\s*\n\s*|(?<=[。！？])"
)
# where a sentence ends before any other word
SENTENCE = re.compile(rf"(?<=[.!?。]){UNABBREVIATED}\s+(?![AP]?M\.)(?=[^\W\d_])|(?<=。)|\n")


class Span(NamedTuple):
    """A part of a response that may hold the final answer.

    `rule` is one of:

    boxed    the content of a box, a JSON field or <answer>: the text is the answer and nothing else
    marked   what follows `####`
    spoken   what follows words that announce an answer
    alone    a last line of one word, which commits only to one of a few known answers
    listed   a list of solutions at the end, one a line
    opening  all of the text, for its first words, which may be an answer (`No. ...`)
    bold     the only bold words of the last sentence
    last     one of the last sentences
    text     all of the text
    """

    text: str
    rule: str
    how: str = ""  # the same for a person to read: `the last box`, `what follows 'Answer:'`
