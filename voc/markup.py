"""What a person wrote, out of the HTML and the quotations in which mail and tools wrap it.

Enters: the text of a message as a tool or a mail program has it. Leaves: plain text with its lines. What must
hold: only what is unmistakably no word of the sender's is left out; where in doubt, it stays.
"""

from __future__ import annotations

import hashlib
import re
from html.parser import HTMLParser

#: Longer HTML is refused before it is parsed: no message of a person has it.
HTML_MAX_CHARS = 1_000_000

#: Elements that stand on lines of their own.
_BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6",
    "header", "hr", "html", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tbody",
    "tfoot", "thead", "tr", "ul",
))  # fmt: skip
#: Elements after which HTML sets an empty line.
_PARAGRAPHS = frozenset((
    "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul",
))  # fmt: skip
#: Elements whose content nobody sees.
_UNSEEN = frozenset((
    "head", "script", "style", "template", "title",
))  # fmt: skip
#: Other elements by which HTML is known.
_INLINE = frozenset((
    "a", "abbr", "b", "br", "code", "em", "font", "i", "img", "ins", "small", "span", "strike",
    "strong", "sub", "sup", "td", "th", "tt", "u",
))  # fmt: skip
_TAG = re.compile(
    rf"</?(?:{'|'.join(sorted(_BLOCKS | _UNSEEN | _INLINE, key=len, reverse=True))})\b[^<>]*>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|nbsp|apos|#\d{1,7}|#x[0-9a-f]{1,6});", re.IGNORECASE)
_DECLARATION = re.compile(r"<[!?][^<>]*>")
#: A ``<`` that no letter or slash follows, or another ``<`` before its ``>``.
_NO_TAG = re.compile(r"<(?![a-zA-Z/][^<>]*>)")
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")


class _Reader(HTMLParser):
    """Collects what a browser would show; what stands in a ``blockquote`` gets ``> `` before its lines."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self.line: list[str] = []
        self.unseen: list[str] = []
        self.quoted = 0
        self.pre = 0

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self.unseen.append(tag)
        elif tag == "br":
            self.end_line()
        elif tag in _BLOCKS:
            self._begin_block()
            self.quoted += tag == "blockquote"
            self.pre += tag == "pre"
            if tag == "li":
                self._write("- ")
        elif tag in ("td", "th") and self.line:
            self._write(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.unseen:
            while self.unseen.pop() != tag:
                pass
        elif tag in _BLOCKS:
            self._begin_block()
            self.quoted -= tag == "blockquote" and self.quoted > 0
            self.pre -= tag == "pre" and self.pre > 0
            if tag in _PARAGRAPHS and self.lines[-1:] != [""]:
                self.end_line()

    def handle_data(self, data: str) -> None:
        if self.unseen:
            return
        if not self.pre:
            text = _SPACE.sub(" ", data)
            at_start = not self.line or (len(self.line) == 1 and self.line[0] == "- ")
            self._write(text.lstrip() if at_start else text)
            return
        first, *others = data.replace("\r\n", "\n").split("\n")
        self._write(first)
        for line in others:
            self.end_line()
            self._write(line)

    def _write(self, text: str) -> None:
        if text:
            self.line.append(text)

    def end_line(self) -> None:
        line = "".join(self.line)
        quoted = "> " if self.quoted and line else ""
        self.lines.append(quoted + (line if line == "-- " else line.rstrip()))
        self.line = []

    def _begin_block(self) -> None:
        if self.line:
            self.end_line()


def html_to_text(html: str) -> str:
    """What a browser would show of ``html``, with its lines; quoted blocks get ``> `` before theirs.

    Raises:
        ValueError: it has more than `HTML_MAX_CHARS` characters.
    """
    if len(html) > HTML_MAX_CHARS:
        raise ValueError(f"HTML of more than {HTML_MAX_CHARS:,} characters")
    reader = _Reader()
    reader.feed(_plain_tags(html))
    reader.close()
    reader.end_line()
    return _tidy("\n".join(reader.lines))


def _plain_tags(html: str) -> str:
    """HTML without comments and declarations, and with ``&lt;`` for a ``<`` whose tag is never closed.

    `HTMLParser` looks for the end of each of these again and again, which takes minutes on a text made of
    them, and fails on ``<![``.
    """
    kept, at = [], 0
    while (start := html.find("<!--", at)) >= 0 and (end := html.find("-->", start + 4)) >= 0:
        kept.append(html[at:start])
        at = end + 3
    kept.append(html[at:])
    return _NO_TAG.sub("&lt;", _DECLARATION.sub("", "".join(kept)))


def is_html(text: str) -> bool:
    """Whether it holds a tag or an entity of HTML; ``x < 3 and y > 2`` and ``<3`` are none."""
    return bool(_TAG.search(text) or _ENTITY.search(text))


def _tidy(text: str) -> str:
    """At most one empty line between two others, none at either end."""
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")


#: A line that a mail program quotes: ``> words``, ``>> words``; ``>_<`` is none.
_QUOTED = re.compile(r"^ ?>(?:[> ]|$)")
#: What mail programs write over the message that they quote below it.
_ORIGINAL = re.compile(
    r"^\s*(?:-{2,}|_{2,}) ?(?:original message|forwarded message|thư gốc|tin nhắn gốc|thư đã chuyển tiếp|"
    r"tin nhắn chuyển tiếp|tin nhắn đã chuyển tiếp) ?(?:-{2,}|_{2,})\s*$",
    re.IGNORECASE,
)
#: ``On 3 Nov 2026 at 10:00, A <a@b.vn> wrote:`` and the Vietnamese of it; it may run over three lines.
_ATTRIBUTION = re.compile(
    r"^(?=.*(?:\d:\d\d|@))(?:On\b.{6,300}\bwrote|Vào\b.{6,300}\bđã viết) ?:\s*$",
    re.IGNORECASE | re.DOTALL,
)
#: The head of a message quoted by Outlook: its first line, and what the one or two after it begin with.
_FROM = re.compile(r"^\s*\*?(?:From|Từ) ?:\*? ?\S", re.IGNORECASE)
_SENT = re.compile(r"^\s*\*?(?:Sent|Date|Đã gửi|Ngày|Gửi) ?:\*? ?\S", re.IGNORECASE)
_DEVICE = re.compile(
    r"^\s*(?:Sent from my \w[\w ]{0,40}|(?:Đã )?gửi từ \w[\w ]{0,20} của tôi)\.?\s*$", re.IGNORECASE
)


def without_quotes(text: str) -> str:
    """The sender's own words: quoted messages and signatures are cut where they are unmistakable.

    Cut are lines that begin with ``> ``, the line over them (``On … wrote:``, ``Vào … đã viết:``), everything
    from such a line or from ``-----Original Message-----`` or Outlook's ``From: … Sent: …`` on where what
    follows is not marked as quoted, everything after the line ``-- `` (RFC 3676, section 4.3), and
    ``Sent from my …``.
    """
    lines = [line.rstrip("\r") for line in text.split("\n")]
    kept: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        height = _attribution(lines, at)
        if line == "-- " or _ORIGINAL.match(line) or _outlook(lines, at):
            break
        if height:
            rest = (lines[later] for later in range(at + height, len(lines)))
            following = next((line for line in rest if line.strip()), "")
            if not _QUOTED.match(following):
                break
            at += height
        elif _QUOTED.match(line) or _DEVICE.match(line):
            at += 1
        else:
            kept.append(line)
            at += 1
    return _tidy("\n".join(kept))


def _attribution(lines: list[str], at: int) -> int:
    """How many lines the attribution that begins here has; 0 if none does."""
    if not lines[at].lstrip().lower().startswith(("on ", "vào ")):
        return 0
    for height in (1, 2, 3):
        if _ATTRIBUTION.match(" ".join(line.strip() for line in lines[at : at + height])):
            return height
    return 0


def _outlook(lines: list[str], at: int) -> bool:
    head = lines[at : at + 3]
    return len(head) > 1 and bool(_FROM.match(head[0])) and any(_SENT.match(line) for line in head[1:])


def mail_code(address: str) -> str:
    """A reference to the owner of an e-mail address without the address: ``mail:`` and 16 hexadecimal digits.

    The digits begin the SHA-256 of the address in small letters. The same person gets the same reference;
    who has an address can make its reference, so it hides addresses from readers and not from guessing.
    """
    return "mail:" + hashlib.sha256(address.strip().lower().encode("utf-8", "replace")).hexdigest()[:16]
