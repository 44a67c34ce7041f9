"""Words by what their change does to a problem. A new word is a word in a list."""

_NEGATIONS = "not no never neither nor none without except unless cannot"
_OPPOSED = """
    plus minus times add adds added subtract subtracts subtracted multiply multiplied divide divided
    sum difference product quotient remainder ratio average mean median mode
    more less fewer greater smaller larger bigger longer shorter older younger taller faster slower
    higher lower heavier lighter most least maximum minimum largest smallest longest shortest
    before after earlier later ago next previous last first yesterday today tomorrow
    all every each any some both either
    long short wide narrow tall high low old young heavy light early late top bottom up down
    left remaining total altogether together
    even odd prime true false increase increases increased decrease decreases decreased
    gain gains gained gets got lose loses lost buy buys bought sell sells sold give gives gave take takes took
"""
_ORDINARY = """
    a an the this that these those there here it its he she they his her their him them
    is are was were be been being has have had do does did will would can could may might must should
    and or but so then thus also too just only really actually currently now still already
    of in on at to from by for with about into over under during within near
    what which who how when where why find calculate compute determine work out evaluate simplify solve
    please tell me us give state name say
    very quite rather certain several many much few small big large good nice new fine whole entire
    people person man woman boy girl child children day days week time way place thing things part
    going goes go went come comes came make makes made use uses used get put
    usually often always sometimes generally typically perhaps probably likely possibly
"""

NEGATIONS = frozenset(_NEGATIONS.split())
"""No problem stays the same where one of them comes, goes or is replaced."""

OPPOSED = frozenset(_OPPOSED.split())
"""No problem stays the same where one of them comes or goes, or is replaced by another of them."""

ORDINARY = frozenset(_ORDINARY.split()) - OPPOSED
"""A problem stays the same where one of them comes, goes or is replaced by another of them."""
