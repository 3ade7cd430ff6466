"""Texts that break things: what a field of a site may be given by mistake or on purpose."""

from __future__ import annotations

from hypothesis import strategies as st

LINE_ENDS = ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
"""Everything that ``str.splitlines`` takes for the end of a line."""

_UNSEEN = [
    *("\0", "\a", "\b", "\t", "\x1b[31m", "\x1b]0;x\a", "\x7f", "\x9b", "\xa0", "\xad", "\u200b", "\u200d", "\ufeff"),
    *("\u202a", "\u202e", "\u2066", "\u2069", "\u200f", "\ud800", "\udfff", "\U000e0041", "\ufffe"),
]

_SYNTAX = [
    *(
        "!",
        "#",
        ";",
        "\\",
        "\\n",
        "\\\n",
        "'",
        '"',
        "`",
        "$",
        "&",
        "|",
        ">",
        "<",
        "*",
        "?",
        "~",
        "=",
        "%",
        "%s",
        "@",
        ",",
    ),
    *("{", "}", "{{ 7*7 }}", "{% raw %}", "{#", "#}", "{{ self.__init__ }}", "${IFS}", "$(reboot)", "`reboot`"),
    *("; reboot", "&& reboot", "| sh", "> /etc/passwd", "../../etc", "-oProxyCommand=sh", "--", "-", " ", "  x"),
    *(
        ": ",
        "- x",
        "? ",
        "&a x",
        "*a",
        "!!python/object:os.system",
        "|\n x",
        "[",
        "]",
        "]: [",
        "<<",
        "%YAML",
        "---",
        "...",
    ),
    *(
        '"}',
        '", "x": "',
        "\\u000a",
        "\\u2028",
        "null",
        "true",
        "~",
        "0x10",
        "1e3",
        ".inf",
        "NaN",
        "1_000",
        "0o17",
        "12:30",
    ),
    *("} accept; {", "}; flush ruleset;", '" ; accept comment "', "0.0.0.0/0", "$var", "@set", "include"),
    *("/system reset", "[:put x]", 'comment="', "add chain=forward", "\\\r\n", ":global x"),
    *("<script>", "]]>", "-->", "<!--", "</text>", "&amp;", "&#10;", "&lt;", "' onload='", "<![CDATA["),
    *("exit", "\nexit\n", "\n!\nrouter bgp 1\n", "no router bgp", "end\n", "EOF", "\nEOF\n", "permit any", "seq 5"),
    *("default", "lo", "all", "none", "any", "ip", "root", "localhost", "con", "__proto__", "__class__", "import"),
]

_HOMOGLYPHS = {
    "a": "\u0430",
    "e": "\u0435",
    "o": "\u043e",
    "i": "\u0131",
    "s": "\u017f",
    "k": "\u212a",
    "l": "\u04cf",
    "0": "\uff10",
    "1": "\u0661",
    "2": "\u0968",
    "6": "\u1d7e8",
    "-": "\u2010",
    ".": "\u3002",
    ":": "\uff1a",
    "/": "\u2044",
    " ": "\u2003",
    "A": "\u0391",
    "B": "\u0412",
    "C": "\u0421",
}

_PIECES = st.sampled_from([*LINE_ENDS, *_UNSEEN, *_SYNTAX])

# Beyond an interface (15), a label (63), free text (80), a DNS name (253), vtysh's line (4095), an argument (128 KiB).
_LENGTHS = (16, 64, 81, 254, 4096, 140_000)

_DIGITS = st.sampled_from("0123456789abcdef")

_WORD = "abcdefghijklmnopqrstuvwxyz0123456789"


def texts(sound: str) -> st.SearchStrategy[str]:
    """Draw texts for a place where a sound one stands: hostile ones, ones that are nearly sound, and sound ones.

    Args:
        sound: A text that the place takes.
    """
    cuts = st.integers(0, len(sound))
    return st.one_of(
        st.builds(lambda cut, piece: sound[:cut] + piece + sound[cut:], cuts, _PIECES),
        st.builds(lambda one, other: sound + one + other + sound, _PIECES, _PIECES),
        _PIECES,
        st.lists(_PIECES, min_size=2, max_size=6).map("".join),
        st.text(st.characters(exclude_categories=()), max_size=40),
        st.text(st.characters(max_codepoint=127), max_size=40),
        cuts.map(lambda cut: sound[:cut] + "".join(_HOMOGLYPHS.get(letter, letter) for letter in sound[cut:])),
        cuts.map(lambda cut: sound[:cut] + sound[cut:].swapcase()),
        cuts.map(lambda cut: sound[:cut]),
        st.sampled_from(_LENGTHS).map(lambda length: (sound * length)[:length]),
        *(_plausible(sound),) * 3,
    )


def _plausible(sound: str) -> st.SearchStrategy[str]:
    """Draw texts that some field takes: names, ids, descriptions, addresses, prefixes, others like the sound one."""
    return st.one_of(
        st.text(_WORD + "-", min_size=1, max_size=63),
        st.text(_WORD, min_size=2, max_size=8).map(lambda word: f"a{word[1:]}"),
        st.text(_WORD + " ._:/()+,-", max_size=80),
        st.ip_addresses().map(str),
        st.ip_addresses(v=6).map(lambda address: str(address).upper()),
        st.builds(lambda address, length: f"{address}/{length}", st.ip_addresses(), st.integers(0, 129)),
        st.builds(lambda cut, digit: sound[:cut] + digit + sound[cut + 1 :], st.integers(0, len(sound)), _DIGITS),
    )
