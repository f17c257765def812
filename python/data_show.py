"""Rows of the training data as text, with the part that is taught marked."""

import data_findings
import data_measure
from data_text import Renderer


def chosen(part, lines, count):
    """Indexes of the rows to show, in the order of the file: those on `lines`, and `count` others.

    The others are one for each kind of finding, then rows spread over the file.
    """
    first = {}
    for index, row in enumerate(part.taught):
        for kind, _ in row.findings:
            first.setdefault(kind, index)
    asked = [index for index, row in enumerate(part.taught) if row.line in lines]
    spread = (number * len(part.taught) // count for number in range(count) if part.taught)
    others = dict.fromkeys(index for index in (*first.values(), *spread, *range(len(part.taught))) if index not in asked)
    return sorted([*asked, *list(others)[:count]])


def pieces(tokens, offset, limit, renderer):
    """The text of a row in order, as {"text", "taught"}; what max_seq_length cuts off is not taught."""
    spans = ((tokens[:offset], False), (tokens[offset:limit], True), (tokens[max(offset, limit) :], False))
    decoded = ((renderer.decode(span), taught) for span, taught in spans if span)
    return [{"text": text, "taught": taught} for text, taught in decoded]


def rows(part, tokenizer, keys, args):
    """The rows of a part to show, as check_data.py describes them."""
    lines = {int(line) for name, line in (place.rsplit(":", 1) for place in args.show_line) if name == part.name}
    indexes = chosen(part, lines, args.show if part.role == "train" else 0)
    if not indexes:
        return []
    encoder, renderer = data_measure.Encoder(part, tokenizer, keys, args), Renderer(tokenizer)
    place = {line: index for index, (line, _) in enumerate(part.rows)}
    shown = []
    for row in (part.taught[index] for index in indexes):
        (tokens, offset), _ = encoder.encode(place[row.line])
        parts = pieces(tokens, offset if args.mask_prompt else 0, args.max_seq_length, renderer)
        sentences = [data_findings.sentence(*finding) for finding in row.findings]
        shown.append({"file": part.name, "line": row.line, "pieces": parts, "findings": sentences})
    return shown
