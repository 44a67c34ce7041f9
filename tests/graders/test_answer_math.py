"""Numbers and expressions, kind by kind: gold and answer that are the same, and near misses that are not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stages.graders.answer import Params, grade
from stages.graders.mathematics import expressions, readings
from stages.shared.rows import Ending, Kind, Response

EQUAL: dict[str, list[tuple[str, str]]] = {
    "integers": [
        ("42", "42"),
        ("42", "+42"),
        ("-7", "-7.0"),
        ("7", "007"),
        ("1000000", "10^6"),
        ("0", "-0"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
    ],
    "fractions": [
        ("\\frac{1}{2}", "1/2"),
        ("\\frac{1}{2}", "\\frac12"),
        ("\\frac{3}{4}", "\\dfrac{6}{8}"),
        ("-\\frac{2}{3}", "\\frac{-2}{3}"),
        ("-\\frac{2}{3}", "\\frac{2}{-3}"),
        ("\\frac{a}{b}", "a/b"),
        ("\\frac{x+1}{2}", "(x+1)/2"),
        ("\\frac{1}{\\frac{2}{3}}", "\\frac{3}{2}"),
        ("5/1", "5"),
        ("\\frac{7}{8}", "0.875"),
        ("\\frac{1}{3}", "0.\\overline{3}"),
        ("\\frac{1}{6}", "0.1\\overline{6}"),
        ("\\frac{1}{3}", "0.333..."),
        ("\\frac{41}{333}", "0.\\overline{123}"),
        ("2\\frac{1}{2}", "2.5"),
    ],
    "radicals": [
        ("2\\sqrt{3}", "\\sqrt{12}"),
        ("\\sqrt{8}", "2\\sqrt2"),
        ("\\frac{1}{\\sqrt{2}}", "\\frac{\\sqrt{2}}{2}"),
        ("\\sqrt[3]{16}", "2\\sqrt[3]{2}"),
        ("\\sqrt{3+2\\sqrt{2}}", "1+\\sqrt{2}"),
        ("2^{1/2}", "\\sqrt{2}"),
        ("4\\sqrt{5}", "4sqrt(5)"),
        ("\\sqrt{2}", "√2"),
        ("2", "∛8"),
        ("5\\sqrt{2}", "5√2"),
        ("\\sqrt{10}", "√(10)"),
        ("-\\sqrt{7}", "−√7"),
    ],
    "percent": [
        ("25\\%", "25%"),
        ("25\\%", "25 percent"),
        ("25\\%", "25"),
        ("25\\%", "0.25"),
        ("25\\%", "\\frac{1}{4}"),
        ("0.25", "25\\%"),
        ("25", "25\\%"),
        ("12.5\\%", "\\frac{1}{8}"),
        ("0.005", "0.5%"),
        ("\\frac{100}{3}\\%", "33\\frac{1}{3}\\%"),
        ("40%", "40 \\text{ percent}"),
        ("150\\%", "1.5"),
        ("10\\%, 20\\%", "20\\%, 10\\%"),
    ],
    "units": [
        ('1 hour 30 minutes', '90 minutes'),
        ('3 hr 30 min', '3.5 hours'),
        ('9.81 \\frac{m}{s^2}', '9.81 m/s^2'),
        ('10\\text{ N}', '10 N'),
        ('20 years old', '20'),
        ("5 km", "5"),
        ("5", "5\\text{ km}"),
        ("5 km", "5 kilometers"),
        ("5 km", "5000 m"),
        ("12\\text{ cm}^2", "12 cm²"),
        ("12 cm^2", "12 square centimeters"),
        ("60 mph", "60 miles per hour"),
        ("60", "60 \\text{ mi/h}"),
        ("9.8 m/s^2", "9.8"),
        ("3 hours", "180 minutes"),
        ("1\\text{ kg}", "1000\\text{ g}"),
        ("18\\text{ ways}", "18"),
        ("18\\text{ ways}", "18 different ways"),
        ("15 apples", "15"),
        ("\\frac{3}{4}\\pi\\text{ inches}", "\\frac{3\\pi}{4}"),
        ("2cm", "2 cm"),
        ("6\\text{ ft}", "6 feet"),
        ("30 m^3", "30 cubic meters"),
        ("7", "7 units"),
        ("5\\,\\mathrm{cm}", "5cm"),
        ("20 °C", "20"),
        ("20 °C", "20^\\circ\\text{C}"),
        ("0.25\\,\\text{ cm}", "2.5 mm"),
    ],
    "currency": [
        ('5 cents', '\\$0.05'),
        ('20 euros', '€20'),
        ("\\$15.48", "15.48"),
        ("\\$6", "$6"),
        ("\\$6", "6 dollars"),
        ("\\$0.50", "50 cents"),
        ("\\$1,000", "1000"),
        ("5", "€5"),
        ("5 €", "5 euros"),
        ("-\\$5", "-5"),
        ("\\$12", "\\$12.00"),
        ("£3.50", "3.5"),
        ("100", "100 USD"),
    ],
    "degrees": [
        ("90^\\circ", "90"),
        ("90", "90°"),
        ("90^{\\circ}", "90 degrees"),
        ("45^\\circ, 135^\\circ", "135, 45"),
        ("\\frac{270}{7}\\text{ degrees}", "\\frac{270}{7}^\\circ"),
        ("\\frac{1}{2}", "\\sin 30^\\circ"),
        ("\\cos 58^\\circ", "\\sin 32^\\circ"),
        ("\\frac{\\pi}{3}", "60^\\circ"),
        ("74^\\circ", "\\angle ABC = 74^\\circ"),
    ],
    "mixed numbers": [
        ("1\\frac{1}{2}", "3/2"),
        ("1 1/2", "1.5"),
        ("5/4", "1 1/4"),
        ("-2\\frac{1}{3}", "-7/3"),
        ("2½", "5/2"),
        ("6 \\frac{3}{4}", "27/4"),
        ("12\\frac35", "63/5"),
        ("(1 1/2, 3)", "(1.5, 3)"),
    ],
    "thousands": [
        ('1000', '1_000'),
        ('2.5 \\text{ million}', '2500000'),
        ('1{,}5', '1.5'),
        ("1234567", "1,234,567"),
        ("1,234,567", "1 234 567"),
        ("50,\\!625", "50625"),
        ("10{,}000", "10,000"),
        ("1234567", "1\\,234\\,567"),
        ("1234567", "1.234.567"),
        ("1234.56", "1.234,56"),
        ("1234.56", "1,234.56"),
        ("1234567", "1'234'567"),
        ("1000", "1\u202f000"),
        ("1234.5", "1 234,5"),
        ("0.75", "0,75"),
        ("1,000\\pi", "1000\\pi"),
        ("3,\\!110,\\!400", "3{,}110{,}400"),
    ],
    "scientific": [
        ("1.5\\times 10^3", "1500"),
        ("1.5\\times10^{-3}", "0.0015"),
        ("6.02e23", "6.02 \\times 10^{23}"),
        ("3e8", "3*10^8"),
        ("2.5E2", "250"),
        ("1.6e-19", "1.6\\cdot 10^{-19}"),
        ("4.2×10⁵", "420000"),
        ("10^{-3}", "0.001"),
        ("7 x 10^4", "70000"),
        ("5.0 \\times 10^{2}", "500"),
    ],
    "unicode": [
        ('0.1', '100‰'),
        ('x \\geq 3', 'x ⩾ 3'),
        ('\\sqrt{3}/2', '√3/2'),
        ("-5", "−5"),
        ("123", "１２３"),
        ("\\frac{1}{2}", "½"),
        ("\\frac{3}{4}", "¾"),
        ("x^2", "x²"),
        ("x^{10}", "x¹⁰"),
        ("x_1", "x₁"),
        ("2\\pi", "2π"),
        ("\\theta", "θ"),
        ("x \\le 5", "x ≤ 5"),
        ("x \\ge 5", "x ≥ 5"),
        ("x \\ne 5", "x ≠ 5"),
        ("3\\times 4", "3×4"),
        ("\\infty", "∞"),
        ("\\emptyset", "∅"),
        ("\\pm 3", "±3"),
        ("(1, 2)", "（1，2）"),
        ("[0,1) \\cup (2,3]", "[0,1) ∪ (2,3]"),
        ("1/2", "1⁄2"),
        ("35", "٣٥"),
        ("2^{-1}", "2⁻¹"),
        ("x+2", "𝑥+𝟐"),
        ("\\mathbb{R}", "ℝ"),
    ],
    "complex": [
        ('3+4i', '3+4j'),
        ("3+4i", "4i+3"),
        ("i", "\\sqrt{-1}"),
        ("-1", "i^2"),
        ("6+9i", "3(2+3i)"),
        ("\\frac{7}{5}+\\frac{1}{5}i", "\\frac{7+i}{5}"),
        ("e^{i\\pi}", "-1"),
        ("5", "|3+4i|"),
        ("\\frac{1}{i}", "-i"),
        ("2\\operatorname{cis}(\\pi/2)", "2i"),
        ("1+\\mathrm{i}", "1+i"),
        ("1 + 2i, 1 - 2i", "1 \\pm 2i"),
    ],
    "intervals": [
        ('(1,2)', ']1,2['),
        ('[1,2)', '[1,2['),
        ('(-1,1)', '|x|<1'),
        ('(-\\infty,-1)\\cup(1,\\infty)', '|x|>1'),
        ('x \\neq 3', 'all real numbers except 3'),
        ('[0, 2\\pi)', '0 \\leq \\theta < 2\\pi'),
        ("[0,1)", "[0, 1)"),
        ("(-\\infty, 5]", "(-\\infty,5]"),
        ("(-\\infty,5]", "x \\le 5"),
        ("x > 3", "(3, \\infty)"),
        ("-2 \\le x \\le 7", "[-2,7]"),
        ("[-2,7]", "x \\in [-2,7]"),
        ("0<f(x)<1", "(0,1)"),
        ("(0,1) \\cup (1,2)", "(1,2) \\cup (0,1)"),
        ("[0,2]", "[0,1] \\cup [1,2]"),
        ("(1,2]", "[0,2] \\cap (1,3)"),
        ("(-\\infty,3)\\cup(3,\\infty)", "x \\neq 3"),
        ("(-\\infty,3)\\cup(3,\\infty)", "\\mathbb{R} \\setminus \\{3\\}"),
        ("x<-2 \\text{ or } x>2", "(-\\infty,-2)\\cup(2,\\infty)"),
        ("2x > 10", "(5,\\infty)"),
        ("(-\\infty,\\infty)", "\\mathbb{R}"),
        ("\\mathbb{R}", "all real numbers"),
        ("[0.5, 1]", "[\\frac{1}{2}, 1]"),
        ("(2,\\infty)", "(2, +\\infty)"),
        ("(2,\\infty)", "\\{x | x > 2\\}"),
        ("\\{-1\\}\\cup[0,7)", "[0,7) \\cup \\{-1\\}"),
        ("[a,b]", "[a, b]"),
    ],
    "sets and lists": [
        ('\\{5\\}', '5'),
        ('\\{(1,2)\\}', '(1,2)'),
        ('[1,2,3]', '1,2,3'),
        ('\\pm 1, \\pm 2', '1,-1,2,-2'),
        ("\\{1,2,3\\}", "\\{3,2,1\\}"),
        ("\\{1,2,3\\}", "{1, 2, 3}"),
        ("1,2,3", "3, 1, 2"),
        ("1,2,3", "1, 2 and 3"),
        ("2 \\text{ and } 3", "2, 3"),
        ("2 or 3", "3, 2"),
        ("\\{1,2\\}", "1,2"),
        ("\\{1,2,3\\}", "\\{1,2\\}\\cup\\{3\\}"),
        ("\\{1\\}", "\\{1,2\\}\\setminus\\{2\\}"),
        ("\\{1,2\\}", "\\{1,1,2\\}"),
        ("\\emptyset", "\\{\\}"),
        ("\\emptyset", "no solution"),
        ("(1,2),(3,4)", "(3,4),(1,2)"),
        ("1;2;3", "1,2,3"),
        ("\\frac{1}{2}, \\sqrt{2}", "\\sqrt{2}, 0.5"),
        ("A, B", "B, A"),
        ("\\text{Alice, Bob}", "Bob, Alice"),
        ("x=1, x=2", "1, 2"),
        ("x = 1 \\text{ or } x = 2", "x \\in \\{1, 2\\}"),
        ("0, \\pi", "x = 0, \\pi"),
        ("\\text{B, E, G}", "G, E, B"),
    ],
    "tuples": [
        ('(x,y)=(2,3)', 'x=2, y=3'),
        ("(1,2)", "(1, 2)"),
        ("(1,\\frac{9}{2})", "(1, 4.5)"),
        ("(3, \\frac{\\pi}{2})", "\\left(3,\\frac{\\pi}{2}\\right)"),
        ("(x,y)=(3,2)", "(3,2)"),
        ("x=3, y=2", "(3,2)"),
        ("(0;1)", "(0,1)"),
        ("(1,5; 2)", "(1.5, 2)"),
        ("\\langle 1,2 \\rangle", "(1,2)"),
        ("p=5,q=2;p=7,q=2", "(5,2),(7,2)"),
        ("(a,b,c)", "( a , b , c )"),
        ("(-\\sqrt{3},\\sqrt{3})", "(-\\sqrt3, \\sqrt3)"),
    ],
    "matrices": [
        ('\\begin{pmatrix}7&10\\\\15&22\\end{pmatrix}', '\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}^2'),
        ('\\begin{pmatrix}1\\\\2\\end{pmatrix}', '\\begin{pmatrix}1&2\\end{pmatrix}^T'),
        ("\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "\\begin{bmatrix}1 & 2 \\\\ 3 & 4\\end{bmatrix}"),
        ("\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "[[1,2],[3,4]]"),
        ("\\begin{pmatrix}1/2\\\\0.5\\end{pmatrix}", "\\begin{pmatrix}0.5\\\\\\frac12\\end{pmatrix}"),
        ("\\begin{pmatrix}2&4\\end{pmatrix}", "2\\begin{pmatrix}1&2\\end{pmatrix}"),
        ("\\begin{pmatrix}6&8\\end{pmatrix}", "\\begin{pmatrix}1&2\\end{pmatrix}+\\begin{pmatrix}5&6\\end{pmatrix}"),
        ("\\begin{pmatrix}1\\\\2\\end{pmatrix}", "(1,2)"),
        ("-2", "\\begin{vmatrix}1&2\\\\3&4\\end{vmatrix}"),
        ("\\begin{pmatrix}x&0\\\\0&x\\end{pmatrix}", "x\\begin{pmatrix}1&0\\\\0&1\\end{pmatrix}"),
    ],
    "equations": [
        ('y(x)=Ce^x', 'Ce^x'),
        ('\\frac{dy}{dx} = 2x', '2x'),
        ('5', 'x+y = 2+3 = 5'),
        ("x=5", "5"),
        ("5", "x = 5"),
        ("x=5", "5 = x"),
        ("y = 2x+1", "2x+1"),
        ("y=2x+1", "y-2x-1=0"),
        ("x^2+y^2=1", "2x^2+2y^2=2"),
        ("AB=4, CD=5", "4, 5"),
        ("f(x)=x^2", "x^2"),
        ("a=1, b=2", "b=2, a=1"),
        ("k=1 \\text{ and } b=2", "k=1, b=2"),
        ("x_1=2, x_2=3", "3, 2"),
        ("|AB|=1", "1"),
        ("\\frac{AB}{CD}=\\frac12", "0.5"),
        ("E = mc^2", "mc^2 = E"),
        ("n=1,2,3", "1,2,3"),
        ("3", "1+2=3"),
        ("1/3", "x=1/3\\approx 0.333"),
        ("\\text{Area}=12", "12"),
        ("P(A) = \\frac{1}{2}", "0.5"),
    ],
    "inequalities": [
        ("x < 1", "1 > x"),
        ("x < 1", "-x > -1"),
        ("x \\le 5", "5 \\geqslant x"),
        ("x != 3", "x \\neq 3"),
        ("x+1 < 3", "x < 2"),
        ("a < b < c", "c > b > a"),
        ("1 < x < 2", "2 > x > 1"),
        ("x \\ge 2, x \\le 5", "2 \\le x \\le 5"),
    ],
    "plus-minus": [
        ("\\pm 5", "5, -5"),
        ("\\pm 5", "-5 or 5"),
        ("\\{-2, 2\\}", "\\pm 2"),
        ("1 \\pm \\sqrt{19}", "1+\\sqrt{19}, 1-\\sqrt{19}"),
        ("x = \\pm 3", "x = 3 \\text{ or } x = -3"),
        ("\\frac{-1\\pm\\sqrt{5}}{2}", "\\frac{-1+\\sqrt5}{2}, \\frac{-1-\\sqrt5}{2}"),
        ("\\pm 2", "+-2"),
        ("2 \\mp 1", "\\{1, 3\\}"),
    ],
    "bases": [
        ('1011_{2}', '1011 (base 2)'),
        ('0x1F', '31'),
        ('FF_{16}', '\\text{FF}_{16}'),
        ("204_5", "204_{5}"),
        ("204_5", "(204)_5"),
        ("2A_{16}", "42"),
        ("1010_2", "1010_{\\text{two}}"),
        ("ff_{16}", "0xff"),
        ("204_5", "204 base 5"),
        ("0.0011_{2}", "\\frac{3}{16}"),
        ("204_5", "204"),
    ],
    "times and dates": [
        ('12:00 PM', 'noon'),
        ('January 1, 2000', 'January 1'),
        ("4:30 p.m.", "4:30 PM"),
        ("\\text{4:30 p.m.}", "4:30 \\text{ p.m.}"),
        ("4:30 p.m.", "4:30"),
        ("4:30 p.m.", "16:30"),
        ("12:00", "12:00"),
        ("5 p.m.", "5:00 pm"),
        ("May 5, 2020", "5 May 2020"),
        ("2020-05-05", "May 5th, 2020"),
        ("05/05/2020", "May 5, 2020"),
    ],
    "ratios": [
        ("7:32", "7:32"),
        ("S_{MBCN}:S=7:32", "7:32"),
        ("V_1:V_2=11:21", "11:21"),
        ("3:4", "6:8"),
        ("3:4", "\\frac{3}{4}"),
        ("1:2:3", "2:4:6"),
        ("2 : 1", "2:1"),
    ],
    "texts": [
        ('\\text{Alice and Bob}', 'Bob and Alice'),
        ('\\text{does not exist}', 'DNE'),
        ("\\text{Evelyn}", "Evelyn"),
        ("\\text{odd}", "odd"),
        ("Even", "\\text{even}"),
        ("\\text{neither}", "Neither."),
        ("east", "\\text{East}"),
        ("\\text{(E)}", "(E)"),
        ("\\text{E}", "E"),
        ("none", "\\text{none}"),
        ("The lines are parallel", "the lines are parallel."),
        ("Yes", "\\text{yes}"),
        ("DNE", "\\text{DNE}"),
    ],
    "algebra": [
        ('1', '\\int_0^{\\infty} e^{-x} dx'),
        ('\\frac{\\pi^2}{6}', '\\sum_{n=1}^{\\infty} \\frac{1}{n^2}'),
        ('\\frac{n(n+1)}{2}', '\\sum_{i=1}^n i'),
        ('10', '{5 \\choose 2}'),
        ('\\frac{x^2}{2}+C', '\\frac{x^2}{2}+c'),
        ("(x+1)^2", "x^2+2x+1"),
        ("a^2-b^2", "(a-b)(a+b)"),
        ("\\frac{x^2-1}{x-1}", "x+1"),
        ("2xy", "2yx"),
        ("x^{-1}", "\\frac{1}{x}"),
        ("\\ln(x^2)", "2\\ln x"),
        ("\\log_2 8", "3"),
        ("e^{2x}", "(e^x)^2"),
        ("\\sin^2 x + \\cos^2 x", "1"),
        ("\\tan x", "\\frac{\\sin x}{\\cos x}"),
        ("\\sin 2x", "2\\sin x\\cos x"),
        ("n!", "n (n-1)!"),
        ("\\binom{n}{2}", "\\frac{n(n-1)}{2}"),
        ("x^{1/3}", "\\sqrt[3]{x}"),
        ("x^3+3x+C", "C+3x+x^3"),
        ("2^{n+1}", "2\\cdot 2^n"),
        ("\\arctan 1", "\\frac{\\pi}{4}"),
        ("\\sum_{k=1}^{10} k^2", "385"),
        ("\\prod_{k=1}^{4} k", "24"),
        ("\\int_0^1 x^2 dx", "\\frac{1}{3}"),
        ("F_n = \\sum_{k=0}^{n-1} F_k F_{n-k-1}", "F_n=\\sum_{k=0}^{n-1} F_{n-k-1} F_k"),
        ("\\gcd(12,18)", "6"),
        ("17 \\bmod 5", "2"),
        ("3 \\pmod 5", "8 \\pmod{5}"),
        ("\\lfloor 4.7 \\rfloor", "4"),
        ("\\max(1,3)", "3"),
        ("x\\sin x", "xsinx"),
        ("7*sin(pi*x/5)+1", "7 \\sin(\\frac{\\pi}{5}x) + 1"),
    ],
    "decimals": [
        ("0.5", ".5"),
        ("0.50", "0.5"),
        ("\\sqrt{2}", "1.41421356237"),
        ("0.6666667", "2/3"),
        ("3.0", "3"),
        ("0.3", "0.30000000000000004"),
        ("\\pi", "3.14159265359"),
        ("0.0833333333333", "\\frac{1}{12}"),
    ],
    "looks": [
        ("\\frac{1}{2}", "$$\\frac{1}{2}$$"),
        ("x+1", "\\(x+1\\)"),
        ("x+1", "\\[ x+1 \\]"),
        ("x+1", "\\left( x+1 \\right)"),
        ("x+1", "x + 1."),
        ("x+1", "\\displaystyle x+1"),
        ("x+1", "`x+1`"),
        ("2\\cdot 3", "2*3"),
        ("x^2", "x**2"),
        ("\\dfrac{1}{2}", "\\tfrac{1}{2}"),
        ("\\boxed{5}", "5"),
        ("\\left\\{1,2\\right\\}", "\\{1,2\\}"),
        ("\\mathrm{e}", "e"),
        ("x\\,y", "xy"),
    ],
}  # fmt: skip

DIFFERENT: dict[str, list[tuple[str, str]]] = {
    "numbers": [
        ("42", "43"),
        ("42", "-42"),
        ("42", "420"),
        ("42", "42.0001"),
        ("100000000", "100000000.4"),
        ("1234567.89", "1234567.90"),
        ("123456789012345678901234567890", "123456789012345678901234567891"),
        ("\\frac{1}{3}", "0.33"),
        ("\\frac{1}{3}", "0.3333"),
        ("\\pi", "3.14"),
        ("\\pi", "\\frac{22}{7}"),
        ("\\sqrt{2}", "1.414"),
        ("\\frac{1}{2}", "\\frac{2}{1}"),
        ("2\\frac{1}{2}", "2\\cdot\\frac{1}{2}"),
        ("2\\frac{1}{2}", "\\frac{21}{2}"),
        ("1234", "1,2345"),
        ("1.6e-19", "1.6e-18"),
        ("1.5 \\times 10^3", "1.5 \\times 10^{-3}"),
        ("0.25", "25"),
        ("25\\%", "2500\\%"),
        ("25\\%", "0.0025"),
        ("12", "(1,2)"),
        ("12", "1,2"),
        ("16", "1/6"),
        ("2^{10}", "2^{11}"),
        ("10^{20}", "10^{20}+1"),
        ("\\frac{1}{2004!}", "\\frac{1}{2006!}"),
    ],
    "units": [
        ("5 km", "5 m"),
        ("5 km", "5 miles"),
        ("5 cm^2", "5 cm^3"),
        ("\\$5", "€5"),
        ("\\$5", "5 cents"),
        ("5 kg", "5 g"),
        ("3 hours", "3 minutes"),
        ("20 °C", "20 °F"),
        ("60 mph", "60 km/h"),
        ("18 \\text{ ways}", "18 \\text{ cm}"),
        ("90^\\circ", "90\\pi"),
        ("90", "\\frac{\\pi}{2}"),
        ("4:30 p.m.", "4:30 a.m."),
        ("12:00", "1:00"),
        ("4:30", "4:35"),
        ("4:30 a.m.", "16:30"),
        ("May 5, 2020", "May 6, 2020"),
        ("05/01/2021", "2021-01-05"),
    ],
    "order and brackets": [
        ('[1,2,3]', '(1,2,3)'),
        ('(1,3)', '(1,2)\\cup(2,3)'),
        ("(1,2)", "(2,1)"),
        ("(1,2)", "1,2"),
        ("(1,2)", "[1,2]"),
        ("[0,1)", "(0,1]"),
        ("[0,1)", "[0,1]"),
        ("(0,1)", "(0,1) \\cup (1,2)"),
        ("x \\le 5", "(-\\infty,5)"),
        ("x > 3", "(-\\infty,3)"),
        ("(1,2,3)", "(1,2)"),
        ("\\{1,2,3\\}", "\\{1,2\\}"),
        ("\\{1,2,3\\}", "1,2"),
        ("2,3", "2,4"),
        ("1,1,2", "1,2,2"),
        ("1,2,3", "123"),
        ("x=1, y=2", "(2,1)"),
        ("AB=4, CD=5", "5, 4"),
        ("p=5,q=2;p=7,q=2", "(2,5),(2,7)"),
        ("\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "\\begin{pmatrix}1&3\\\\2&4\\end{pmatrix}"),
        ("\\begin{pmatrix}1&2\\end{pmatrix}", "\\begin{pmatrix}1&2&3\\end{pmatrix}"),
        ("\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "\\begin{vmatrix}1&2\\\\3&4\\end{vmatrix}"),
        ("3:4", "4:3"),
        ("1:2:3", "1:2:4"),
    ],
    "relations": [
        ('x>3', 'y>3'),
        ('x+1=2', '2'),
        ("x=5", "y=5"),
        ("x=5", "x=6"),
        ("x>5", "x<5"),
        ("x\\ge 5", "x>5"),
        ("x<1", "x>-1"),
        ("x=5", "x>5"),
        ("7=11a+c", "11a+c"),
        ("a+3z=0", "0"),
        ("x^2=4", "4"),
        ("2x+z=1", "1"),
        ("y=2x+1", "y=2x-1"),
        ("x^2+y^2=1", "x^2+y^2=2"),
        ("k=1, b=2", "k=2, b=1"),
        ("x=1, x=2", "x=1"),
        ("x<2", "x<3"),
        ("a<b<c", "a<c<b"),
        ("x \\ne 3", "x = 3"),
        ("\\pm 5", "5"),
        ("5", "\\pm 5"),
        ("1\\pm\\sqrt2", "1+\\sqrt2"),
    ],
    "algebra": [
        ('\\frac{n(n+1)}{2}', '\\sum_{i=1}^n i^2'),
        ('\\frac{1}{23}', '\\frac{12}{3}'),
        ("x", "|x|"),
        ("x", "\\sqrt{x^2}"),
        ("x+1", "x+2"),
        ("x^2", "x^3"),
        ("(a+b)^2", "a^2+b^2"),
        ("\\sin x", "\\cos x"),
        ("\\ln x", "\\log x"),
        ("e^x", "e^{-x}"),
        ("2^n", "n^2"),
        ("n!", "(n+1)!"),
        ("\\sqrt{a+b}", "\\sqrt{a}+\\sqrt{b}"),
        ("-x^2", "(-x)^2"),
        ("\\frac{1}{x+1}", "\\frac1x+1"),
        ("4\\sqrt2", "4"),
        ("2\\pi r", "\\pi r^2"),
        ("3+4i", "3-4i"),
        ("i", "-i"),
        ("5", "3+4i"),
        ("\\lceil y\\rceil", "\\lfloor y\\rfloor"),
        ("\\infty", "-\\infty"),
        ("x_1", "x_2"),
        ("4a-2", "4b-2"),
        ("\\frac{1}{2^{99}}", "\\frac{1}{2^{98}}"),
        ("\\sum_{k=1}^{10} k", "\\sum_{k=1}^{11} k"),
        ("\\int_0^1 x^2 dx", "\\frac12"),
        ("3 \\pmod 5", "4 \\pmod 5"),
        ("\\sin 30^\\circ", "\\cos 30^\\circ"),
        ("x^2+1", "x^2"),
        ("\\log_2 8", "\\log_3 8"),
    ],
    "words": [
        ("\\text{listen}", "\\text{silent}"),
        ("cat", "act"),
        ("odd", "\\text{oddd}"),
        ("no", "on"),
        ("\\text{Evelyn}", "Carla"),
        ("\\text{odd}", "even"),
        ("composite", "prime"),
        ("yes", "no"),
        ("none", "0"),
        ("\\text{E}", "\\text{D}"),
        ("E", "\\mathrm{E}*2"),
        ("Alice, Bob", "Alice, Carol"),
        ("x^2", "dog"),
        ("1", "\\text{one or two}"),
    ],
    "bases": [
        ("204_5", "204_6"),
        ("1010_2", "1010_3"),
        ("204_5", "205_5"),
        ("1010_2", "11"),
        ("\\emptyset", "0"),
        ("\\emptyset", "\\{0\\}"),
        ("\\mathbb{R}", "\\mathbb{Z}"),
    ],
}  # fmt: skip


def verdict(gold: str, text: str, kind: Kind = Kind.EXPRESSION, policies: dict[str, object] | None = None) -> bool:
    row = Response(
        id="p1", task="t", kind=kind, split="test", question="q", answer=gold, by="teacher", style="plain", messages=[],
        sampler="s", model="m", sample=0, text=text, ending=Ending.STOP, tokens=0,
    )  # fmt: skip
    return grade(row, Params.model_validate(policies or {})).score == 1


def cases(table: dict[str, list[tuple[str, str]]]) -> list[object]:
    return [pytest.param(gold, text, id=f"{name}: {gold} | {text}") for name, pairs in table.items() for gold, text in pairs]


@pytest.mark.parametrize(("gold", "text"), cases(EQUAL))
def test_equal(gold: str, text: str) -> None:
    assert verdict(gold, f"\\boxed{{{text}}}")
    assert verdict(text, f"\\boxed{{{gold}}}")


ONE_WAY = [  # gold, an answer that is right, an answer that is wrong
    ("2.5", "2,5", "2{,}6"),  # a decimal comma
    ("12,5", "5, 12", "12.5"),  # a list of two, as the data sets write it
    ("1011_2", "1011", "11"),  # 11 may be meant in base 2
    ("11", "1011_2", "1010_2"),
    ("1,234", "1234", "\\{1, 234\\}"),  # grouped digits and no list
    ("\\{1, 234\\}", "1,234", "1234"),
]


@pytest.mark.parametrize(("gold", "right", "wrong"), ONE_WAY)
def test_one_way(gold: str, right: str, wrong: str) -> None:
    assert verdict(gold, f"\\boxed{{{right}}}")
    assert not verdict(gold, f"\\boxed{{{wrong}}}")


@pytest.mark.parametrize(("gold", "text"), cases(DIFFERENT))
def test_different(gold: str, text: str) -> None:
    assert not verdict(gold, f"\\boxed{{{text}}}")
    assert not verdict(text, f"\\boxed{{{gold}}}")


NUMBERS = [
    ("1234.56", "1.234,56", True),
    ("1234567.89", "1 234 567,89", True),
    ("12345678", "1,23,45,678", True),
    ("1234", "1.234", False),
    ("1.234", "1,234", False),
    ("0.05", "0,5", False),
    ("2.5 million", "2500000", True),
    ("3.5", "3 and 1/2", True),
    ("1500", "1.5 × 10³", True),
    ("10000", "10^4", True),
    ("10", "10^4", False),
    ("$20", "€20", False),
    ("$20", "20", True),
    ("5 km", "5000 m", True),
    ("5 km", "5 m", False),
    ("4", "4 hours and 30 minutes", False),
    ("4.5", "4 hours and 30 minutes", True),
    ("79", "So 353 g - 79 g = 274 g. He has 79 g of wax.", True),
    ("274", "So 353 g - 79 g = 274 g. He has 79 g of wax.", False),
    ("1000.99", "1'000.99", True),
    ("35", "٣٥", True),
    ("50%", "５０％", True),
    ("1234567.89", "1234567.90", False),
    ("100000000", "100000000.4", False),
    ("18", "18.000", True),
    ("24", "2 dozen", True),
]


@pytest.mark.parametrize(("gold", "text", "equal"), NUMBERS)
def test_numbers(gold: str, text: str, equal: bool) -> None:
    assert verdict(gold, text, Kind.NUMBER) is equal


SENTENCES = [
    ("\\frac{3}{4}", "Thus, the probability is $\\frac{3}{4}$."),
    ("2\\pi", "The circumference equals $2\\pi$ cm."),
    ("(1,2)", "The vertex is at $(1,2)$."),
    ("10", "So the value of $x^2+1$ is $10$ when $x=3$."),
    ("x^2+1", "Hence $f(x) = x^2+1$."),
    ("19", "Final Answer: The maximum number of points in the domain of $f(x)$ is 19."),
    ("12", "Therefore, there are 12 distinct sequences that meet the three given conditions."),
    ("100\\%", "We get $$\\frac{a}{b} \\geq \\frac{2}{1}.$$ Therefore, the minimum error increases by 100%."),
    ("\\text{Friday}", "We get $\\text{Friday}$."),
    ("g(x)=2^a for some $a>0$", "$g(x)=2^a$ for some $a>0$"),
    ("x^2 - y^2 = 1", "We get $x^2 - y^2 = 1$."),
]


@pytest.mark.parametrize(("gold", "text"), SENTENCES)
def test_the_answer_in_a_sentence(gold: str, text: str) -> None:
    assert verdict(gold, text)


POLICIES = [
    ({"percent": "strict"}, "25\\%", "0.25", False),
    ({"percent": "strict"}, "25\\%", "25%", True),
    ({"percent": "strict"}, "x\\%", "x", False),
    ({"units": "strict"}, "5 km", "5", False),
    ({"units": "strict"}, "5 km", "5 kilometers", True),
    ({"order": "kept"}, "1,2", "2,1", False),
    ({"order": "kept"}, "\\{1,2\\}", "\\{2,1\\}", True),
    ({"text": "strict"}, "\\text{East}", "east", False),
    ({"text": "strict"}, "\\text{East}", "East", True),
    ({"relative_tolerance": 0.01}, "\\pi", "3.14", True),
    ({"relative_tolerance": 0.0}, "\\frac{2}{3}", "0.6666667", False),
]


@pytest.mark.parametrize(("policies", "gold", "text", "equal"), POLICIES)
def test_policies(policies: dict[str, object], gold: str, text: str, equal: bool) -> None:
    assert verdict(gold, f"\\boxed{{{text}}}", policies=policies) is equal


def test_symbolic_is_the_last_resort_and_may_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def equal(gold: str, pred: str, limits: object, tolerance: float) -> bool:
        asked.append(pred)
        return True

    monkeypatch.setattr("stages.graders.sandbox.symbolic.equal", equal)
    limit = "\\lim_{x\\to 0}\\frac{\\sin x}{x}"
    assert verdict("1", f"\\boxed{{{limit}}}") and len(asked) == 1
    assert not verdict("1", f"\\boxed{{{limit}}}", policies={"symbolic": None})
    for cheap in ("2", "1.5", "\\frac{3}{2}", "x^2", "a dog", "(1,2)", "\\sum_{k=1}^3 k"):
        verdict("1", f"\\boxed{{{cheap}}}")
    assert len(asked) == 1


LEAVES = st.sampled_from(["1", "2", "7", "0.5", "x", "y", "n", "\\pi", "i", "\\frac{1}{3}", "\\sqrt{2}", "10\\%", "3^\\circ"])


def joined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(parts, parts)
    return st.one_of(
        pair.map(lambda two: f"{two[0]}+{two[1]}"),
        pair.map(lambda two: f"({two[0]})({two[1]})"),
        pair.map(lambda two: f"\\frac{{{two[0]}}}{{{two[1]}}}"),
        pair.map(lambda two: f"({two[0]}, {two[1]})"),
        pair.map(lambda two: f"\\{{{two[0]}, {two[1]}\\}}"),
        pair.map(lambda two: f"{two[0]} < {two[1]}"),
        pair.map(lambda two: f"x = {two[0]}, y = {two[1]}"),
        pair.map(lambda two: f"[{two[0]}, {two[1]})"),
        parts.map(lambda one: f"\\pm {one}"),
        parts.map(lambda one: f"\\sin({one})"),
    )


ANSWERS = st.recursive(LEAVES, joined, max_leaves=5)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(gold=ANSWERS, pred=ANSWERS)
def test_equal_is_reflexive_and_symmetric(gold: str, pred: str) -> None:
    policies = Params(symbolic=None)
    one, other = readings.read(gold), readings.read(pred)
    assert expressions.equal(one, one, policies)
    assert expressions.equal(one, other, policies).same == expressions.equal(other, one, policies).same


@settings(max_examples=150, deadline=None, derandomize=True)
@given(gold=ANSWERS)
def test_dollars_boxes_and_prose_change_nothing(gold: str) -> None:
    for text in (f"\\boxed{{{gold}}}", f"$\\boxed{{{gold}}}$", f"So it is $$\\boxed{{{gold}}}$$ as required.", f"The answer is ${gold}$."):
        assert verdict(gold, text, policies={"symbolic": None}), text


@pytest.mark.parametrize(
    ("gold", "text"),
    [
        ("n", "\\max{2}"),
        ("\\log_0 1", "2"),
        ("\\begin{cases}\\end{cases}", "1"),
        ("...", "7"),
        ("x", "\\frac{"),
        ("1", "\\sum_{k=1}^{9} x_"),
        ("2", "["),
    ],
)
def test_what_cannot_be_read_is_wrong_and_raises_nothing(gold: str, text: str) -> None:
    policies = Params(symbolic=None)
    assert not expressions.equal(readings.read(gold), readings.read(text), policies)
    assert not expressions.equal(readings.read(text), readings.read(gold), policies)
