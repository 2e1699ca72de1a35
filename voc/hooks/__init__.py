"""Messages of other tools, turned into rows of feedback.

Enters: the headers and the body of a request, as bytes, and its JSON. Leaves: rows with the fields of a
feedback, or the reason why nothing is kept. What must hold: nothing is believed that is not signed, where the
tool signs and its secret is known; what a tool sends twice gives the same rows under the same ids.
"""

from voc.hooks.configuration import TOOLS, Hook, Hooks, HooksFile, read_hooks, tool_of
from voc.hooks.mapping import Kind, Mapping, Role, shipped
from voc.hooks.reading import Taken, read
from voc.hooks.signatures import WINDOW_S, Signed, signs, verify

__all__ = [
    "TOOLS", "WINDOW_S", "Hook", "Hooks", "HooksFile", "Kind", "Mapping", "Role", "Signed", "Taken", "read",
    "read_hooks", "shipped", "signs", "tool_of", "verify",
]  # fmt: skip
