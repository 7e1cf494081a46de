"""Cutting source into top-level statements agrees with the parser."""

import ast
import importlib.util
import random
import sys
import sysconfig
import time
import warnings
from pathlib import Path

import pytest

from resoul import _engine

STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))
WITH_TEMPLATES = sys.version_info >= (3, 14)

pytestmark = pytest.mark.filterwarnings("ignore::SyntaxWarning")


def pieces(text):
    """The chunks as (text, first line, last line), or None."""
    chunks = _engine._chunks(text)
    if chunks is None:
        return None
    data = text.encode()
    return [(data[start:end].decode(), line, last) for start, end, line, last in chunks]


def begins_at(statement, line, piece):
    """A decorator's node begins behind the @, maybe on a later line."""
    decorators = getattr(statement, "decorator_list", ())
    if decorators:
        return piece.lstrip()[0] == "@" and line <= decorators[0].lineno
    return statement.lineno == line


def dumped(body):
    return [ast.dump(statement, include_attributes=True) for statement in body]


def check(text):
    """Each chunk alone parses to what the whole text has in these lines."""
    whole = ast.parse(text)
    cut = pieces(text)
    assert cut is not None, text
    found = []
    for piece, line, last in cut:
        body = ast.parse(piece).body
        assert body, piece
        for statement in body:
            ast.increment_lineno(statement, line - 1)
        assert begins_at(body[0], line, piece), piece
        # a backslash may lead on to an empty line
        assert 0 <= last - max(s.end_lineno for s in body) <= 1, piece
        found += body
    assert dumped(found) == dumped(whole.body)
    return cut


def texts(text, *starts_and_ends):
    """Checks, and that the chunks begin and end with these words."""
    cut = check(text)
    found = [(piece.split()[0], piece.split()[-1]) for piece, _, _ in cut]
    assert found == [tuple(both.split("..")) for both in starts_and_ends]


# ---- statements -----------------------------------------------------------------


def test_nothing():
    assert check("") == []
    assert check("\n\n  \n\t# only\n\f\n#words") == []


def test_a_line_is_a_chunk():
    assert check("a = 1\nb = 2\n") == [("a = 1", 1, 1), ("b = 2", 2, 2)]
    assert check("a = 1; b = 2\nc = 3") == [("a = 1; b = 2", 1, 1), ("c = 3", 2, 2)]


def test_what_stands_between_belongs_to_nothing():
    source = "# first\n\na = 1 # its own\n\n# after\n\nb = 2  \n  # last"
    assert check(source) == [("a = 1 # its own", 3, 3), ("b = 2  ", 7, 7)]


def test_comments_inside_of_a_body_belong_to_it():
    source = "def f():\n# a\n    x = 1\n\n# b\n    y = 2\n# c\n\nz = 3\n"
    assert check(source) == [
        ("def f():\n# a\n    x = 1\n\n# b\n    y = 2", 1, 6),
        ("z = 3", 9, 9),
    ]


def test_decorators():
    texts(
        "@a\n\n# x\n@b(\n1\n)\ndef f(): pass\n@c\nclass C:\n  @d\n  def g(self): pass\nx",
        "@a..pass",
        "@c..pass",
        "x..x",
    )
    texts(
        "@a # x\nasync def f(): pass\n@b\nasync def f(): pass", "@a..pass", "@b..pass"
    )
    assert pieces("def f(): pass\n@a\n") is None
    assert pieces("@a") is None


def test_matrix_product_is_no_decorator():
    texts("a \\\n@ b\nc = (a\n@ b)\nd", "a..b", "c..b)", "d..d")


def test_clauses():
    texts(
        "if a: pass\nelif b: pass\nelse: pass\n"
        "try:\n  x\nexcept A: pass\n\n# c\nexcept: pass\nelse:\n  if x: pass\n"
        "  else: pass\nfinally:\n  z\n"
        "for a in b: pass\nelse: c\nwhile a: b\nelse : c\nlast\n",
        "if..pass",
        "try:..z",
        "for..c",
        "while..c",
        "last..last",
    )
    texts("try: a\nexcept* B: pass\nexcept*C: pass\nd", "try:..pass", "d..d")
    texts("try: a\nexcept(B): pass\nd", "try:..pass", "d..d")


def test_names_that_begin_like_clauses():
    texts("elsewhere = 1\nelse_ = 1\nelse1 = 2\nfinallyé = 2", *("elsewhere..1",
        "else_..1", "else1..2", "finallyé..2"))  # fmt: skip
    assert pieces("else: a") is None
    assert pieces("  finally: a") is None


def test_else_inside_of_an_expression():
    texts("a = (b if c\nelse d)\ne", "a..d)", "e..e")
    texts("a = b if c \\\nelse d\ne", "a..d", "e..e")


def test_soft_keywords():
    texts(
        "match x:\n  case 1:\n    a\n  case _: b\nmatch = 1\ncase = 2\ntype X = int\n"
        "type = 3\nmatch[a:b]\nmatch(a)\n_ = 4",
        *("match..b", "match..1", "case..2", "type..int", "type..3"),
        *("match[a:b]..match[a:b]", "match(a)..match(a)", "_..4"),
    )


def test_indentation():
    texts("if a:\n\tb\n\tif c:\n\t\td\n\te\nf", "if..e", "f..f")
    texts("if a:\n b\n # x\n# y\n\n\n c\nd", "if..c", "d..d")
    texts("class A:\n  '''doc\nnot indented\n'''\n  x = 1\nb", "class..1", "b..b")
    texts("class A:\n  x = [\n1,\n2]\n  y = 2 + \\\n3\nb", "class..3", "b..b")
    assert pieces(" a = 1") is None


def test_form_feeds():
    assert check("a\n\f\nb\n\f\fc = 1\n") == [
        ("a", 1, 1),
        ("b", 3, 3),
        ("\f\fc = 1", 4, 4),
    ]
    texts("if a:\n  b\n  \fc\n", "if..b", "c..c")
    texts("a = 1\f+\f2\fif\fb\felse\f3\nc", "a..3", "c..c")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(end):
    source = end.join(
        ["a = 1", "", "# c", "def f(", "):", "    '''d", "", "'''", "", "    return \\",
         "  2", "b = f'''{", "1", "}", "'''", "c = 'x\\", "y'", "d = f'x\\", "{1}'", "e"]
    )  # fmt: skip
    assert [(line, last) for _, line, last in check(source)] == [
        (1, 1),
        (4, 11),
        (12, 15),
        (16, 17),
        (18, 19),
        (20, 20),
    ]


def test_line_ends_mixed():
    assert [c[1:] for c in check("a\r\rb\r\n\r\nc\n\rd\n\r\ne")] == [
        (line, line) for line in (1, 3, 5, 7, 9)
    ]


def test_other_separators_end_no_line():
    for separator in "\x1c", "\x1e", "\x85", "\u2028", "\u2029", "\v":
        assert [c[1:] for c in check(f"a = '{separator}' # {separator}\nb")] == [
            (1, 1),
            (2, 2),
        ]


def test_continuations():
    texts("a = \\\n1\nb \\\n= \\\n\\\n2\nif c: \\\n  d\ne", *("a..1", "b..2", "if..d",
        "e..e"))  # fmt: skip
    texts("a = 1 \\\n# c\nb", "a..c", "b..b")
    texts("a = 1 # c \\\nb", "a..\\", "b..b")
    assert check("a = 1 \\\n\nb") == [("a = 1 \\\n\n", 1, 2), ("b", 3, 3)]
    assert check("a = 1 \\\r\n\r\n") == [("a = 1 \\\r\n\r\n", 1, 2)]
    assert check("a = 1 \\\n  \nb") == [("a = 1 \\\n  ", 1, 2), ("b", 3, 3)]
    assert pieces("a = 1 \\\n") is None
    assert pieces("a = 1 \\") is None
    assert pieces("a = 1 \\ \nb") is None


def test_continued_indentation_is_left_to_the_parser():
    assert pieces("\\\na = 1\n") is None
    assert pieces("if a:\n  \\\n  b\n") is None


# ---- strings --------------------------------------------------------------------

PREFIXES = ["", "r", "R", "u", "U", "b", "B", "f", "F"]
PREFIXES += ["br", "bR", "Br", "BR", "rb", "rB", "Rb", "RB"]
PREFIXES += ["fr", "fR", "Fr", "FR", "rf", "rF", "Rf", "RF"]
TEMPLATES = ["t", "T", "tr", "tR", "Tr", "TR", "rt", "rT", "Rt", "RT"]


@pytest.mark.parametrize("prefix", PREFIXES + TEMPLATES * WITH_TEMPLATES)
@pytest.mark.parametrize("quote", ["'", '"', "'''", '"""'])
def test_prefixes(prefix, quote):
    other = {"'": '"', '"': "'"}[quote[0]]
    for inside in (
        "",
        "#",
        other,
        other * 3,
        "\\" + quote[0],
        "\\\\",
        "\\\n",
        "\\\r\n",
        "(" * 2,
        "\\" + quote[0] + " ",
        "else:",
    ):
        check(f"a = {prefix}{quote}{inside}{quote}\nb = 1\n")
        check(f"a = ({prefix}{quote}{inside}{quote}\n{prefix}{quote}{quote})\nb")
    if len(quote) == 3:
        for inside in ("\n", "\nb = 1\n", quote[:2] + " ", "\n" + quote[:1] + "\n#"):
            check(f"a = {prefix}{quote}{inside}{quote}\nb = 1\n")
    else:
        assert pieces(f"a = {prefix}{quote}\n{quote}\nb") is None
    assert pieces(f"a = {prefix}{quote}\nb = 1") is None


def test_words_before_strings():
    texts("a = b if'x\\\n'else'''\n'''\nc", "a..'''", "c..c")
    texts("b = 1if''else''\nc = b''or'\\\n'\nd = 0xfor'\\\n'\ne", *("b..1if''else''",
        "c..'", "d..'", "e..e"))  # fmt: skip
    texts("for x in'{':pass\nnot'}'\nx in'}'\nd", *("for..in'{':pass",
        "not'}'..not'}'", "x..in'}'", "d..d"))  # fmt: skip
    texts("lambda:f'{1}'\nprint(*f'{1}')\nmatch'':\n case'':\n  d\ne",
          *("lambda:f'{1}'..lambda:f'{1}'", "print(*f'{1}')..print(*f'{1}')",
            "match'':..d", "e..e"))  # fmt: skip


def test_empty_and_adjacent_strings():
    check("a = ''\nb = \"\"'' '' f'' f\"\"\nc = '''''' \"\"\"\"\"\"\nd = f''''''f''\ne")
    check("a = '''''x'''\nb = f'''''{1}'''\nc = f\"\"\"{1}\"\" \"\"\"\nd")
    check("a = '''\\''''\nb = f'''\\''''\nc")


F_STRINGS = r"""
f'{a}'
f'{{'
f'}}'
f'{{}}'
f'{{{a}}}'
f'{{{{{a}}}}}'
f'{a}{b}{{c}}'
f'{a["b"]}'
f'{a['b']}'
f"{f"{f"{f"{1}"}"}"}"
f"{a + "}" + b}"
f"{"{"}"
f'{a!r}'
f'{a!r:>{b}}'
f'{a != b}'
f'{a!=b!r}'
f'{a:=5}'
f'{(a:=5)}'
f'{a:{b}}'
f'{a:{b}{c}}'
f'{a:{b}.{c}f}'
f'{a:{b:{c}}}'
f'{a:{b}}}}'
f'{{{a:{b}}}}'
f'{a:x}}}y'
f'{a:%H:%M:%S}'
f'{a:#x}'
f'{a:"}'
f'{a[1:2]}'
f'{a[b[1:2]:3]:4}'
f'{ {1: 2}[1] }'
f'{ {1: {2: 3}}[1]:{4}}'
f'{(lambda x: x)(1)}'
f'{(lambda x: {x: 1})(1):x}'
f'{a=}'
f'{a = }'
f'{a=!r:>5}'
f'{a:\n}'
f'{a:\x7d}'
f'{a:\{b}}'
f'\{a}'
rf'\{a}'
f'\\{a}'
f'\N{BULLET}{a}'
f'{a}\N{LEFT CURLY BRACKET}'
rf'\N{a}'
f'{a:\N{BULLET}>5}'
f'\\N{a}'
f'{a,}'
f'{*a,}'
f'{yield_}'
f'{[b for b in c if d]}'
f'{a if b else c}'
f'{a:é}é'
f'é{é}'
f'{'\''}'
f'{'''x'''}'
f'{b""}' f'{rb''}'
f'{a}' 'b' "c" f"{d}"
f"{'#'}"
f"#{a}#"
f'{a!s:#}'
"""

F_STRINGS_OF_SEVERAL_LINES = [
    'f\'{"""x\ny"""!r}\'',
    "f'''{\na\n}'''",
    "f'{\na\n}'",
    "f'{a # comment }'\n}'",
    "f'''{a # '''\n}'''",
    "f'{a[\n1]}'",
    "f'{a + \\\nb}'",
    "f'''\n{a:\n{b}\n}\n'''",
    "f'''{a:'}'''",
    "f'''{a:''}'''",
    "f'''else\n{\nelse_\n}\nb = 1'''",
    "f'''{f'''{f'''{1\n}'''}\n'''}'''",
    "f'''{'''\n'''}'''",
    "f'a\\\nb{c}\\\n'",
    "rf'a\\\nb{c}\\\n'",
    "f'''{\n(lambda:\n1)\n:\n5}'''",
    "f'''{a!r\n:\n5}'''",
    "f'{a\n!r}'",
    "f'{a\n=}'",
    "f'{a:{\nb\n}}'",
]


@pytest.mark.parametrize(
    "expression", [*F_STRINGS.split("\n")[1:-1], *F_STRINGS_OF_SEVERAL_LINES]
)
@pytest.mark.parametrize("kind", "ft")
def test_f_strings(expression, kind):
    if kind == "t":
        if not WITH_TEMPLATES:
            pytest.skip("t-strings came with 3.14")
        expression = expression.replace("f'", "t'").replace('f"', 't"')
        if expression.endswith("""'b' "c" t"{d}\""""):
            pytest.skip("t-strings can't be joined with strings")
    source = f"x = {expression}\nif y: z\nelse: {expression}\nlast = 1"
    cut = check(source)
    assert [piece.split()[0] for piece, _, _ in cut] == ["x", "if", "last"]


def test_doubtful_f_strings_are_left_to_the_parser():
    for doubtful in (
        "f'{a:{{b}}}'",
        "f'{a:d\n}'",
        "f'{a:\n}'",
        "f'\\N{BUL'",
        "f'}'",
        "f'{a'",
        "f'{a:'",
        "f'{a)}'",
        "f'{(a}'",
    ):
        assert pieces(f"x = {doubtful}\nb = 1\n") is None


# ---- what is no source ----------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    ["(", "a = (1\nb = 2", ")", "(]", "a = [(])", "a = '", 'a = """x', "a\0b", "# \0",
     "\ufeffa = 1", "{" * 1000 + "}" * 1000],
)  # fmt: skip
def test_can_not_tell(source):
    assert pieces(source) is None


def test_wrong_arguments():
    with pytest.raises(TypeError):
        _engine._chunks(b"a = 1")
    with pytest.raises(UnicodeEncodeError):
        _engine._chunks("a = '\udc00'")


BROKEN = [
    "a = 1\n  b = 2\nc",
    "a b\nc",
    "def f():\nx = 1",
    "if a:\n  b\n c\nd",
    "if a:\n\tb\n        c\nd",
    "a = 1\nelse: b\nc",
    "@a\nb = 1\nc",
    "@a\n  def f(): pass\nc",
    "try: a\nb",
    "a = $\nb",
    "a ?\nb",
    "a = 0777\nb",
    "a = 1__0\nb",
    "a\u00a0= 1\nb",
    "\u00a0a = 1\nb",
    "f'{a!x}'\nb",
    "f'{}'\nb",
    "f'{lambda x: 1}'\nb",
    "ub''\nb",
    "bu'\\\n'\nb",
    "print 'a'\nb",
    "match x:\ncase 1: pass\nb",
    "a = 1;;b = 2\nb",
    "\va = 1\nb",
]


@pytest.mark.parametrize("source", BROKEN)
def test_what_does_not_parse_has_a_chunk_that_does_not(source):
    with pytest.raises(SyntaxError):
        ast.parse(source)
    cut = pieces(source)
    if cut is not None:
        with pytest.raises(SyntaxError):
            [ast.parse(piece) for piece, _, _ in cut]


# ---- much source ----------------------------------------------------------------


def check_lines(path):
    """Quicker than check(): the chunks have the lines of the statements. 1 if cut."""
    try:
        text = importlib.util.decode_source(path.read_bytes())
        body = ast.parse(text).body
    except (SyntaxError, UnicodeDecodeError):
        return 0  # files of test/ that are wrong on purpose
    cut = pieces(text)
    if cut is None:
        return 0
    lines = iter(text.split("\n"))
    at = iter(body)
    statement = next(at, None)
    number = 0
    for piece, line, last in cut:
        while number < line - 1:
            number += 1
            between = next(lines).strip()
            assert between in ("", "\f") or between.startswith("#"), (path, number)
        assert statement is not None, (path, line)
        assert begins_at(statement, line, piece), (path, line)
        while statement is not None and statement.end_lineno <= last:
            end = statement.end_lineno
            statement = next(at, None)
        assert 0 <= last - end <= 1, (path, line)
        same = []
        while number < last:
            number += 1
            same.append(next(lines))
        assert piece.rstrip("\n") == "\n".join(same).rstrip("\n"), (path, line)
    assert statement is None, (path, statement.lineno)
    return 1


def test_the_standard_library():
    """All of it but test/, and as much of test/ as fits into some seconds."""
    start = time.perf_counter()
    everything = [
        path
        for path in sorted(STANDARD_LIBRARY.rglob("*.py"))
        if "site-packages" not in path.parts
    ]
    of_tests = [path for path in everything if "test" in path.parts]
    others = [path for path in everything if "test" not in path.parts]
    seed = random.randrange(1 << 32)
    print("seed", seed)
    random.Random(seed).shuffle(of_tests)
    cut = tried = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in [*others, *of_tests]:
            if time.perf_counter() - start > 8 and tried > len(others):
                break
            tried += 1
            cut += check_lines(path)
    assert cut >= tried * 0.98


ATOMS = [
    "f'", 'f"', "f'''", "'", '"', "'''", "{", "}", "{{", "}}", ":", "!=", ":=",
    "!r", "\\", "#", "(", "[", "]", ")", "a", "x", "1", ";", ",", "@a", "else:",
    "elif'':", "if'':", "try:", "pass", "lambda:", "rb'", "\\N{BULLET}", "é", "or",
    "def''f():", "class'':",
]  # fmt: skip
ATOMS += [" ", "  ", "\n", "\r", "\r\n", "\n    ", "\\\n", "\f"]


def expression(rng, depth=0):
    inner = depth < 3 and expression(rng, depth + 1)
    choices = ["a", "'{'", "b'#'", "'''\n}'''"]
    if inner:
        choices += [f"({inner}\n)", f"[{inner} # '\n]", f" {{1: {inner}}} "]
        choices += [f"(lambda: {inner})", f"a[{inner}:1]", f"a != {inner}"]
        for quote in ("'", '"', "'''", '"""'):
            choices += [
                f"f{quote}{{{inner}!r}}{quote}",
                f"rf{quote}{{{inner}:>5}}{quote}",
            ]
            choices += [
                f"f{quote}{{a:{{{inner}}}}}}}}}{quote}",
                f"F{quote}{{{{#{quote}",
            ]
    return rng.choice(choices)


def program(rng):
    """Source that is right, or nearly."""
    if rng.random() < 0.3:
        return "".join(rng.choices(ATOMS, k=rng.randrange(1, 14)))
    forms = [
        "x = 1; %s\n",
        "%s\n",
        "if a:\n  %s\nelse: b\n",
        "@a\ndef f(): %s\n\n# b\n",
    ]
    found = "".join(
        rng.choice(forms) % expression(rng) for _ in range(rng.randrange(5))
    )
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        at = rng.randrange(len(found) + 1)
        found = found[:at] + rng.choice([*ATOMS, ""]) + found[at + rng.randrange(2) :]
    return found


# The parser lets the decoder's own exception out of an f-string now and then.
REFUSED = (SyntaxError, UnicodeDecodeError)


def test_random_source():
    """A text is valid exactly if each of its chunks is, and then both mean the same."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    valid = doubtful = 0
    for _ in range(4000):
        source = program(rng)
        try:
            ast.parse(source)
        except REFUSED:
            cut = pieces(source)
            if cut is not None:
                with pytest.raises(REFUSED):
                    print(repr(source), [ast.parse(piece) for piece, _, _ in cut])
        else:
            valid += 1
            if pieces(source) is None:
                doubtful += 1
            else:
                check(source)
    assert valid > 400
    assert doubtful < valid / 20


def test_cutting_a_prefix_of_a_file_never_crashes():
    text = Path(__file__).read_text()
    data = text.encode()
    for end in range(0, len(data), 7):
        pieces(data[:end].decode(errors="ignore"))
