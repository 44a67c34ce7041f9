"""Prepares a response for the search: takes out thinking, emphasis, special tokens, a check of the result,
and tasks that a model added after its answer."""

import re

from stages.graders.languages.english import APPENDICES
from stages.graders.languages.others import LANGUAGES
from stages.graders.languages.wordlists import any_of
from stages.graders.reading.discard import straight
from stages.graders.reading.thoughts import without_thought

_BOLD = re.compile(
    r"(?<![\w)])\*\*|\*\*(?![\w(])(?!(?<=\d\*\*)-\d)|(?<!\w)__(?=[A-Za-z(])|(?<=[A-Za-z):.])__(?!\w)"
)
_RULED = re.compile(r"(?<![\w\\}])_{2,}(?=[\d$(\\-])|(?<=[\d%)}])_{2,}(?!\w)")  # `_____8142_____`
_ITALIC = re.compile(r"(?<![\w*)\\])\*(?=[A-Za-z(])([^*\n]{1,300}?[\w.!?)])\*(?![\w*])")
_ENDED = re.compile(  # another text follows such a token
    r"(?<=\S)(?:<\|(?:endoftext|im_end|eot_id|end)\|>|</s>|<eos>)"
)
_SPECIAL = re.compile(
    r"<\|im_start\|>(?:user|assistant|system)?|<\|[a-z_]{1,30}\|>|<(?:eos|bos|pad)>|</s>|\[/?INST\]"
)
_WIDE = str.maketrans("：（）［］【】＝\u00a0\u200b\ufeff", ":()[][]= \u200b\u200b")
_RAISED = re.compile(r"<su([pb])>([^<>]{1,40})</su[pb]>")
_TAGS = re.compile(r"</?(?:b|strong|i|em|p|span|code|u|mark)>")
_CODE = re.compile(r"(?<!`)`([^`\n]{1,200})`(?!`)")
_TASK = re.compile(
    r"\n[ \t]{0,3}(?:#{1,4} |\*\*)?(?:Question|Problem|Exercise|Passage|Context"
    r"|Instruction|Input|Q|Premise|Document|User|Human|Student)"
    r"(?: ?\d{1,4})?\s?[:.](?=\s|\*)"
)
_ANSWERED = re.compile(
    r"\\boxed\{|#### ?\S|\bfinal answer(?: is|:)|\bthe answer is\b|</answer>|\A\W*[A-E]\W*(?=\n)"
    r"|\A\s*(?:[-+$]?\d[\d,./]{0,20}%?(?: [a-z]{1,12})?|yes|no|true|false|entailment|neutral"
    r"|contradiction|positive|negative|spam|ham)[.!]?\s*(?=\n)",
    re.IGNORECASE,
)
_CHECK = re.compile(
    r"(?:(?<=[.!?。\n*}])|(?<=[.!?。] ))[ \t\n]{0,4}[(（*#]{0,4} ?(?:Check(?:ing)?|Verif(?:y|ication|ying)"
    r"|Proof|To (?:verify|check)"
    r"|Let(?:'s| us| me) (?:verify|check|double-check)"
    rf"|{any_of(*(language.checks for language in LANGUAGES))})(?![a-z])"
)
_CHECKED = re.compile(
    r"=|≈|[✓✔✅]|\b(?:correct|right|holds?|match\w*|satisf\w+|true|works|consistent|verified)\b|正确|成立",
    re.IGNORECASE,
)
_APPENDIX = re.compile(rf"\n#{{1,6}} [^\w\n]{{0,9}}{any_of(APPENDICES)}\W{{0,9}}(?=\n)", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_GOES_ON = re.compile(
    r"\b(?:So|Therefore|Thus|Hence|Then|Next|Now|Finally|Step|wrong|incorrect|mistake|actually|instead"
    r"|does(?:n't| not)"
    r"|not (?:match|equal|correct|right|satisf\w+))\b|≠|✗|❌|\\neq?\b"
)


def visible(text: str) -> str:
    """`text` without the model's thought (thoughts.py); empty where the thought was cut off."""
    return without_thought(text)


def first_task(text: str) -> str:
    """`text` up to a task that a base model added after its answer: `#### 36`, then `Question: ...`."""
    answered = _ANSWERED.search(text)
    task = _TASK.search(text, answered.end()) if answered else None
    return text[: task.start()] if task else text


def unchecked(text: str) -> str:
    """`text` without a check of the result at the end: `The total is 42. Check: 42 - 22 = 20.`

    All of `text` where the solution goes on after the check, or where the last sentence checks nothing.
    """
    goes_on = max((match.end() for match in _GOES_ON.finditer(text)), default=0)
    check = _CHECK.search(text, goes_on)
    before = text[: check.start()] if check else ""
    checked = check and _CHECKED.search(re.split(r"[.!?]\s+(?=\w)|\n+", text[check.start() :].rstrip())[-1])
    return before if checked and any(character.isdigit() for character in before) else text


def without_appendix(text: str) -> str:
    """`text` without a section behind the answer: `**48**`, then `#### References`."""
    if "#" not in text:
        return text
    for heading in _APPENDIX.finditer(text):
        if _DIGIT.search(text[: heading.start()].rstrip().rpartition("\n")[2]):
            return text[: heading.start()]
    return text


def tidy(text: str) -> str:
    """`text` with straight apostrophes and plain signs, without emphasis, code marks and special tokens."""
    text = text.replace("{:}", ":")
    if "`" in text:
        text = _CODE.sub(r"\1", text)
    if not text.isascii():
        text = straight(text).translate(_WIDE).replace("\u200b", "")
    if "**" in text or "__" in text:
        text = _RULED.sub("", _BOLD.sub("", text))
    if "*" in text:
        text = _ITALIC.sub(r"\1", text)
    if "<" in text and (ended := _ENDED.search(text)):
        text = text[: ended.start()]
    if "</" in text:
        text = _RAISED.sub(lambda match: f"{'^' if match[1] == 'p' else '_'}{{{match[2]}}}", text)
        text = _TAGS.sub("", text)
    if "<" in text or "INST]" in text:
        text = _SPECIAL.sub("", text)
    return text
