"""Hostile texts, of three sorts: code that would touch the file CANARY where something evaluated it; mathematics that would never end; and
floods of characters on which a careless pattern or parser hangs."""

TOUCH = "open('CANARY','w').close()"
CODE = [
    TOUCH, "__import__('os').system('touch CANARY')", "__import__('pathlib').Path('CANARY').touch()", f'eval("{TOUCH}")',
    f'exec("{TOUCH}")', f"(lambda: {TOUCH})()", f"[{TOUCH} for x in (1,)]", f"{{{TOUCH}}}", f"({TOUCH}, 1)", f"1 if {TOUCH} else 2",
    f"1+{TOUCH}", f"{TOUCH}+1", f"x={TOUCH}", f"x == {TOUCH}", f"$ {TOUCH} $", f"\\text{{{TOUCH}}}", f"\\mathrm{{{TOUCH}}}",
    f"\\operatorname{{{TOUCH}}}", f"\\variable{{{TOUCH}}}", f"\\variable{{{TOUCH}}}\\%", f"\\frac{{{TOUCH}}}{{1}}", f"\\sqrt{{{TOUCH}}}",
    f"x_{{{TOUCH}}}", f"\\sum_{{{TOUCH}}}^{{2}} 1", f"\\mathit{{{TOUCH}}}", f"\\overline{{{TOUCH}}}", f"\\log_{{{TOUCH}}} 2",
    f"\\max({TOUCH}, 1)", f"\\begin{{pmatrix}} {TOUCH} \\end{{pmatrix}}", f"\\gcd({TOUCH}, 1)", f'S("{TOUCH}")', f'sympify("{TOUCH}")',
    f'parse_expr("{TOUCH}")', f'N("{TOUCH}")', f'Symbol("{TOUCH}")', f'Function("{TOUCH}")(x)', f'lambdify(x, "{TOUCH}")(1)',
    "\\write18{touch CANARY}", "().__class__.__base__.__subclasses__()[1]", "''.__class__.__mro__[1].__subclasses__()",
    "\\immediate\\write18{touch CANARY}", "x.__init__.__globals__['os'].system('touch CANARY')", "\\input{|touch CANARY}",
    "\\input{/etc/passwd}", "\\openout1=CANARY", "\\catcode`\\@=11", "$(touch CANARY)", "`touch CANARY`", "; touch CANARY;",
    "| touch CANARY", "{{7*7}}", "${7*7}", "%s%s%n%x", "{0.__class__}", "!!python/object/apply:os.system ['touch CANARY']",
    "cos\nsystem\n(S'touch CANARY'\ntR.", "\\def\\x{\\x\\x}\\x", "<script>1</script>",
]  # fmt: skip
ENDLESS = [
    "9^9^9^9", "9^{9^{9^{9}}}", "9**9**9**9", "10^{10^{10^{10^{10^{10}}}}}", "2^{2^{2^{2^{2^{2}}}}}", "x^{x^{x^{x^{x^{x}}}}}",
    "(9^9)^(9^9)", "(((9^9)^9)^9)^9", "-9^9^9", "9^{-9^9}", "\\frac{1}{9^{9^9}}", "\\sqrt{9^{9^9}}", "0.1^{999999999}", "1e999999999",
    "1E-999999999", "10^{1000000000}", "7 \\times 10^{999999999}", "99999999999!", "1000000!", "((9!)!)!", "9!!!!!!!!", "(100!)^{100!}",
    "e^{e^{e^{9}}}", "\\frac{1000000!}{999999!}", "\\binom{1000000000}{500000000}", "\\binom{10^9}{10^8}", "\\dbinom{999999}{333333}",
    "\\sin(10^{999})", "C(1000000000, 500000000)", "\\sum_{k=1}^{1000000000} \\frac{1}{k^k}", "\\sum_{k=1}^{\\infty} k!",
    "\\prod_{k=1}^{1000} k^{k}", "\\prod_{k=1}^{100000000} k", "\\sum_{a=1}^{999} \\sum_{b=1}^{999} \\sum_{c=1}^{999} \\frac{1}{a^b+c}",
    "\\int_0^1 x^{x^{x}} dx", "\\int_0^\\infty \\frac{\\sin(x^{9})}{x^{x}} dx", "\\int \\frac{\\log(\\sin x)}{\\sqrt{1+x^{7}}} dx",
    "7 \\mod 9^{999}", "\\int_0^1 \\int_0^1 \\int_0^1 e^{xyz} dx dy dz", "\\lim_{x\\to 0} (\\sin x)^{\\tan x^{\\cos x}}",
    "\\gcd(10^{400}, 7^{999})", "\\lim_{n\\to\\infty} \\sum_{k=1}^{n} \\frac{k!}{n^{k}}", "\\left\\lfloor 9^{999} / 7 \\right\\rfloor",
    "(x+y+z)^{999}", "(a+b)^{500}(a-b)^{500}", "\\log_{2}(\\log_{2}(\\log_{2}(999^{999})))", "1" + "+1" * 400, "x" + "^2" * 300,
    "\\sin " * 200 + "x", "\\sqrt{" * 60 + "2" + "}" * 60, "\\frac{1}{1+" * 18 + "1" + "}" * 18, "|" * 101 + "x" + "|" * 101,
    "9" * 400 + "/" + "7" * 400, "\\begin{pmatrix}" + " & ".join(["9^{99}"] * 60) + "\\end{pmatrix}",
    "{" + ",".join(map(str, range(3000))) + "}", "1,2," * 5000, "(1,2)," * 3000, "9" * 5000, "0." + "3" * 5000, "1" * 50 + "!" * 50,
    "9" * 1_000_000, "-" * 5000 + "7", "7" + "%" * 5000, "\\cup".join(["(0,1)"] * 3000), "x" + "+x" * 3000, "x<" * 2000 + "1",
    "7" + " or 7" * 2000, "\\pm" * 300 + "7", "1" + "\\pm 1" * 40,
]  # fmt: skip
_BRACKETS = [("(", ")"), ("[", "]"), ("{", "}"), ("\\left(", "\\right)"), ("|", "|"), ("\\boxed{", "}"), ("\\text{", "}"), ("\\{", "\\}")]
_OPENINGS = ["(", "{", "\\frac{", "\\sqrt{", "\\boxed{", "\\text{", "<think>", "\\begin{pmatrix}", "**", "\\frac", "^"]
DEEP = [opening * 5000 + "7" + closing * 5000 for opening, closing in _BRACKETS] + [opening * 5000 + "7" for opening in _OPENINGS]
_REPEATED = [
    "{", "}", "#", "####", "\n", " ", "\t", "\u00a0", "\u200b", "\0", "\ud800", "\udfff", "\ufeff", "😀", "½", "１", "²", "−", "^", "_",
    "&",
    "=", "<", ",", ".", "'", '"', "`", "(A)", "A or B ", "not ", "Answer: ", "the answer is ", "yes no ", "1 ", "1/", "1.", "x_",
    "\\boxed ", "\\boxed{}", "</think>", "<answer>", "e", "1e", "٣", "a\u0301", "\u202e7", "\\,", "\\\\", "7, and ", "A", "B. ", "- ",
    "wait, no, ",
    "\nQ: ", "\n#### 1", "`7` ", "**7** ", "A is correct. ", "7, since ", "7 of the ", "yes would ", "\nA: true",
    "it depends, so ", "is 7 ", "7. Check: ", "so 7. Check ", "\n- 7", "roots:\n", "*a", '{"answer": ', "(7 is extraneous", "✓", "A) ❌\n",
]  # fmt: skip
FLOODS = [piece * 100_000 for piece in ("$", "%", "\\")] + [piece * (12_000 // len(piece)) for piece in _REPEATED]
FLOODS += ["#### 7" + "\nQ: " * 3000, "P(" * 3000 + "=7", "is " * 4000 + "7 in 2 hours"]
FLOODS += [piece * 3000 + " The answer is 8." for piece in ("$", "%", "\\", "{", "(A)", "not ")]
NOTHING = ["", " ", "\0", "\ud800", "null", "None", "nan", "inf", "-inf", "NaN", "1/0", "0/0", "0^{-1}", "\\frac{0}{0}"]
HOSTILE = list(dict.fromkeys([*CODE, *ENDLESS, *DEEP, *FLOODS, *NOTHING]))
