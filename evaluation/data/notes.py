"""Notes about the data as a terminal shows them: one line each."""

from evaluation.records import DataNote, NoteKind

_LINES: dict[NoteKind, str] = {
    "hidden": "{n} hidden file(s) left out",
    "system": "{n} file(s) that a system made for itself left out",
    "suffix": "{n} file(s) ending in {what} left out: no photos that are known",
    "not-a-photo": "{n} file(s) without a suffix left out: not the bytes of a photo",
    "loose": "{n} photo(s) outside of the class folders left out: they have no class",
    "folder-link": "{n} link(s) to a folder not entered (to enter: follow_links = true)",
    "no-photo-inside": "{n} folder(s) without any photo left out",
    "unlabelled": "{n} photo(s) of a part without class folders left out: they have no class",
    "name": "{n} file(s) left out whose name holds control characters or is no UTF-8",
    "labels-alike": "{n} classes differ by case, accents, spaces or punctuation alone: "
    "are they one?",
    "split-column": "the column {what!r} looks like a split and is not used: to use it, write "
    'split_column = "{what}" in [dataset]; it says',
    "encoding": "the table is no UTF-8 and was read as {what}: check the spelling of {n} word(s), "
    "or declare its encoding",
    "depth": "{n} photo(s) of 16 bits use 12 or fewer and do not say so: they look nearly black, "
    "unless [dataset] says how many count (bits = 12)",
    "pale": "{n} photo(s) nearly white on a transparent ground, laid on grey to be seen",
    "small-class": "{n} class(es) left out, too small for the parts of the split",
}


def line(note: DataNote) -> str:
    """A note in English, with some of the names it is about."""
    return f"{_LINES[note.kind].format(n=note.count, what=note.what)}: {_some(note)}"


def _some(note: DataNote) -> str:
    more = note.count - len(note.names)
    # Names are written as they can be shown: their escapes are not escaped again.
    return ", ".join(f"'{name}'" for name in note.names) + (f" and {more} more" if more > 0 else "")
