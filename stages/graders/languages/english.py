"""English words around numbers and headings: which number of a sentence is the answer, and which never is."""

from stages.graders.languages.wordlists import Row, Table

BOUNDS: Table = (  # directly before a number
    Row(
        "at least|at most|no more than|no less than|no fewer than|not more than|not less than",
        "a bound holds for many numbers: `at least 7`",
    ),
    Row(
        "more than|less than|fewer than|greater than|larger than|smaller than|higher than|lower than",
        "the number that is asked for lies beyond this one: `less than 7`",
    ),
    Row(
        "greater than or equal to|less than or equal to|more than or equal to|at or above|at or below|"
        "not exceeding",
        "a bound in more words",
    ),
    Row(
        "over|under|above|below|beyond|exceeds|exceeding|not exceed|up to|as many as|as much as",
        "a bound in one word: `over 300`",
    ),
    Row("between|ranging from|somewhere from|anywhere from", "a range is many numbers: `between 7 and 8`"),
    Row(
        "more than the|less than the|fewer than the|than the|than his|than her|than their",
        "what the answer is compared with: `4 years more than the 2 he studied`",
    ),
    Row("a minimum of|a maximum of|minimum of|maximum of|strictly", "a bound in a noun"),
    Row("other than|except|except for|not equal to", "every number but this one"),
)
BOUNDS_BEHIND: Table = (  # directly behind a number
    Row(
        "or more|or less|or fewer|or greater|or higher|or lower|or above|or below|or over|or under",
        "a bound behind: `2 slices or more`",
    ),
    Row("and up|and above|and over|and below", "a bound behind: `7 and up`"),
    Row("at least|at most", "a bound behind, `7 at least`; `7 at last` is none"),
)
RELATIONS_BEHIND: Table = (  # directly behind a number that only relates two others
    Row(
        "times as|times more|times the|times that|times what|times larger|times greater|times older|"
        "times his",
        "a factor: `3 times as many`",
    ),
    Row("times her|times their|times longer|times bigger|times higher|times faster", "a factor"),
    Row("as many|as much", "a factor: `half as many`"),
)
DIFFERENCES_BEHIND: Table = (  # behind a number that is an answer only where the sentence has no other
    Row(
        "more than|less than|fewer than|greater than|larger than|smaller than|older than|younger than",
        "a difference: `$4.58 more than the towel`, but `25, i.e. 5 more than Tom`",
    ),
)
FAR_RESULTS: Table = (  # a number that follows within a few words is what the words before it come to
    Row(
        "which is|which are|which equals|which gives|which makes|which leaves|which means|which comes to",
        "`896 divided by 8, which is 112`",
    ),
    Row("that is|that's|that makes|that leaves|that gives|i.e.|namely|in other words", "a result told again"),
    Row(
        "equals|equal to|is equal to|comes to|come to|came to|amounted to|added up to|amounts to|"
        "adds up to|add up to|sums to|totals",
        "a verb of a result: `15 and 27 comes to 42`",
    ),
    Row(
        "leaving|resulting in|yielding|for a total|bringing the total",
        "a participle of a result: `leaving him with 17`",
    ),
    Row(
        "so|therefore|thus|hence|altogether|in total|now has|now have|is now|are now|is left with|"
        "are left with",
        "words that conclude: `5 packs, so 30 cans`",
    ),
    Row("for a total of|a total of|total of|the total is|for a sum of|a sum of", "a sum that is named"),
)
RESULTS: Table = (  # a number right behind is a result
    *FAR_RESULTS,
    Row(
        "leaves|giving|gives|making|makes|yields|bringing|to get|to give|to make a total of",
        "a verb that is a result only right before the number: `which makes 17`, but `gives away 3`",
    ),
)
TOTALS_BEHIND: Table = (  # within a few words behind a number
    Row("in total|in all|total|altogether|all together|combined|in sum|overall", "`28 in total` sums up"),
    Row("left|left over|leftover|remaining|remain|remains", "`17 are left` is what a story ends with"),
)
PLACES: Table = (  # prepositions directly before a number that tells where, when, how long or for how many
    Row(
        "in|within|during|after|before|since|until|from|over|on|by|around|throughout",
        "a time or place: `in 7 years`",
    ),
    Row(
        "for|with|among|amongst|into|across|between|every|per|each|at|using|without|against|toward|towards",
        "a circumstance: `pays $64 for 16 glasses`",
    ),
    Row("to|than|vs|versus|and", "the other end, the other side of a comparison, or one more of a list"),
)
PARTS: Table = (  # directly before a number of which the answer is a part
    Row(
        "of|of the|of these|of those|of all|of her|of his|of their|of its|out of|out of the|out of all",
        "the whole of which the answer is a part: `11 of the 30 days`",
    ),
    Row(
        "out of a total of|of a total of|out of her|out of his|out of their|budget of|group of|set of|"
        "pack of",
        "a whole that is described: `out of her budget of $200`",
    ),
)
POSSESSED: Table = (  # directly before a number of things that are known already
    Row("the|these|those|both|her|his|their|its|our|my|your", "known things: `the 5 boxes hold 60 pens`"),
    Row("each of the|all the|all of the|every one of the", "known things"),
)
CLAUSES: Table = (  # words that open a clause which does not state the answer
    Row("because|since|as long as|given that|due to|considering", "a reason: `15, since 15 = 3 * 5`"),
    Row("if|when|while|where|whereas|unless|whenever|although|though|even though", "a condition"),
    Row(
        "who|whose|which|of which|for which|that cost|that costs|that has|that have",
        "a relative clause: `Tom, who had 20, now has 17`",
    ),
    Row(
        "compared to|compared with|rather than|instead of|as opposed to|out of|as of|apart from|besides",
        "a comparison: `13, rather than 15`",
    ),
    Row(
        "twice|half as|three times as|four times as|the same as|as many as|as old as|as tall as",
        "a relation told behind: `34, twice as old as his 17-year-old son`",
    ),
    Row("off the|off of|off his|off her", "what something is taken from: `$24 off the price of $120`"),
    Row(
        "knowing that|counting|including|excluding|not counting|not including|starting from|starting with",
        "how it was counted",
    ),
)
NAMES: Table = (  # nouns directly before a number that only numbers a thing
    Row(
        "no.|nr.|number|numbers|#|step|question|problem|exercise|part|case|option|figure|table|equation|"
        "method",
        "the number of a thing: `No. 7 is the winner`",
    ),
    Row(
        "day|week|month|year|grade|chapter|page|room|row|rows|stem|stems|leaf|level|line|round|stage|"
        "unit|lesson|section",
        "the number of a thing: `the row with stem 5`",
    ),
    Row(
        "january|february|march|april|may|june|july|august|september|october|november|december|jan.|feb.|"
        "aug.|sept.|oct.|nov.|dec.",
        "a date: `as of December 31, 2019`",
    ),
)
APPROXIMATIONS: Table = (  # directly before a number that rounds the number before it
    Row(
        "about|approximately|approx.|approx|roughly|around|nearly|almost|or about|or approximately|"
        "or roughly|close to",
        "`1/3 (about 33.3%)`",
    ),
)
CHANGES: Table = (  # verbs before two numbers, of which the second is what was arrived at
    Row(
        "rose|rises|increased|increases|grew|grows|went|goes|fell|falls|dropped|drops|decreased|climbed",
        "`the score rose from 60 to 75`",
    ),
    Row(
        "changed|changes|moved|raised|lowered|reduced|jumped|declined|up|down",
        "`the price is up from $25 to $30`",
    ),
)
HEDGES: Table = (  # between two numbers of which the text chooses none
    Row(
        "or|or maybe|or perhaps|or possibly|or even|or else|maybe|perhaps|possibly|alternatively|either|"
        "and|and/or|&",
        "`7, or possibly 8`, `7 and 8` and `7 (maybe 8)` name two answers",
    ),
)
INTRODUCTIONS: Table = (  # before a number that is an answer whole
    Row(
        "about|approximately|approx.|roughly|around|nearly|almost|exactly|precisely|only|just|simply|"
        "still|now|thus",
        "they change nothing: `exactly 250 grams`",
    ),
    Row(
        "so|therefore|hence|then|equal to|equals|a total of|a|an|the|is|it is|it's|that is|i.e.|namely|"
        "either",
        "they change nothing: `a total of 30`",
    ),
    Row(
        "the answer is|the final answer is|final answer|answer is|the answer|answer|ans|the result is|"
        "result|the solution is|solution|total",
        "the announcement stands within the span: `\\boxed{\\text{The answer is } 7}`",
    ),
)
OPERATIONS = (  # words between or around numbers, and the sign that they stand for, in this order
    ("divided by|over", "/", "`896 divided by 8`"),
    ("multiplied by|times", "*", "`7 times 8`"),
    ("plus|added to|increased by", "+", "`12 plus 5`"),
    ("minus|decreased by|reduced by", "-", "`20 minus 3`"),
    ("squared", "^2", "`7 squared`"),
    ("cubed", "^3", "`7 cubed`"),
    ("factorial", "!", "`7 factorial`"),
)
FACTORS = (  # words before a number, and the factor that they stand for
    ("twice|double", "2*", "`twice 7`"),
    ("triple|thrice", "3*", "`triple 7`"),
    ("half of|half", "1/2*", "`half of 90`"),
    ("a third of|one third of", "1/3*", "`a third of 90`"),
    ("a quarter of|one quarter of", "1/4*", "`a quarter of 80`"),
    ("the square root of|square root of", "\\sqrt ", "`the square root of 49`"),
)
PROBABILITY: Table = (
    Row(
        "probability|chance|chances|odds|likelihood|likely",
        "`1 in 8` is a fraction where the text is of chance",
    ),
)
ABBREVIATIONS: Table = (  # a point behind them ends no sentence
    Row("Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|Gen|Col|Capt|Rev|Hon|Lt|Sgt|Mt|Ft", "titles and names: `Mr. Watson`"),
    Row(
        "vs|approx|etc|Inc|Ltd|Co|Corp|No|Nos|Fig|Eq|ca|cf|e.g|i.e|resp|Sect|Vol|pp|U.S|U.K",
        "short forms: `vs. Tigers`",
    ),
    Row("Jan|Feb|Aug|Sept|Oct|Nov|Dec", "months: `Dec. 31`"),
    Row("A.M|P.M|a.m|p.m", "times of day: `7:30 p.m. Eastern`"),
)
ANSWERS: Table = (Row("answer|answers|ans", "`#### Final Answer`, the answer below it"),)
FINAL: Table = (
    Row("final|correct|short|right|best|boxed|numerical", "what is said before `answer`: `Final Answer`"),
)
CONCLUSIONS: Table = (  # titles of a section that states the answer, where nothing before it does
    Row(
        "verdict|result|results|final result|conclusion|final conclusion|decision|final verdict|"
        "final decision",
        "`#### Verdict`",
    ),
)
APPENDICES: Table = (  # titles of a section behind the answer, which holds none
    Row(
        "verification|verify|check|checks|double-check|double check|sanity check|proof|validation|"
        "confirmation",
        "a check of the result",
    ),
    Row(
        "explanation|reasoning|rationale|justification|analysis|discussion|derivation|details|breakdown|why",
        "a reason",
    ),
    Row(
        "note|notes|remark|remarks|comment|comments|caveat|caveats|tip|tips|hint|hints|assumptions|"
        "limitations",
        "a remark",
    ),
    Row(
        "summary|recap|overview|sources|references|source|reference|further reading|next steps|key takeaways",
        "the end of a chat",
    ),
)
HEADINGS: Table = (  # titles of a section that holds no answer
    *APPENDICES,
    Row(
        "step|part|case|stage|phase|section|option|item", "a part of the work, with its number: `#### Step 4`"
    ),
    Row(
        "solution|steps|step-by-step solution|method|approach|given|setup|strategy|plan|calculation|"
        "calculations|problem|question",
        "the work",
    ),
    Row(
        "alternative method|alternative solution|another method|another way|generalization|example|"
        "examples|code|end",
        "more work",
    ),
)
ORDINALS: Table = (  # the place of an option: `the third option`
    Row("first|1st", "option 1"),
    Row("second|2nd", "option 2"),
    Row("third|3rd", "option 3"),
    Row("fourth|4th", "option 4"),
    Row("fifth|5th", "option 5"),
    Row("sixth|6th", "option 6"),
    Row("seventh|7th", "option 7"),
    Row("eighth|8th", "option 8"),
)
OPTION_NOUNS: Table = (
    Row("option|choice|answer|alternative|one|statement|answer choice|answer option", "`the third one`"),
)
RIGHT: Table = (  # what is said behind the letter of an option that is right
    Row("true|correct|right|yes|valid|best", "`B: correct`"),
)
WRONG: Table = (Row("false|incorrect|wrong|no|invalid|not correct|not true|not right", "`A: incorrect`"),)
UNDECIDED: Table = (  # an announced answer that is neither yes nor no
    Row(
        "it depends|that depends|depends on|dependent on|depending on|that it varies|it varies|varies|"
        "both yes and no",
        "`the answer is dependent on the country`",
    ),
    Row(
        "not a simple|not as simple|no simple|not that simple|not straightforward|not clear-cut|"
        "complicated|debatable",
        "`it is not a simple yes or no`",
    ),
    Row("sometimes|yes and no|in between|inconclusive|a matter of", "neither of the two"),
)
CERTAINLY: Table = (
    Row(
        "of course|by all means|without a doubt|without doubt|for sure|you bet|no doubt|very much so|"
        "by definition",
        "a yes of several words",
    ),
)
TRULY: Table = (  # behind `but` or `though`: what follows is meant, not what stands before
    Row(
        "really|actually|in truth|in fact|in reality|rather|better|more likely|more accurately|"
        "strictly speaking",
        "`contradiction, but really neutral`",
    ),
)
YES: Table = (
    Row("yes|yeah|yep|yup|true|correct|right|affirmative|indeed|absolutely", "an answer `yes` in one word"),
)
NO: Table = (Row("no|nope|false|incorrect|wrong|untrue|negative", "an answer `no` in one word"),)
