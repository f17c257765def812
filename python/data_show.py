"""Rows of the training data as text, with the part that is taught marked."""

import data_findings
import data_measure
from data_text import Renderer


def chosen(part, count):
    """Indexes of the rows to show: one for each kind of finding, then from the beginning, in the order of the file."""
    first = {}
    for index, row in enumerate(part.taught):
        for kind, _ in row.findings:
            first.setdefault(kind, index)
    indexes = dict.fromkeys([*first.values(), *range(len(part.taught))])
    return sorted(list(indexes)[:count])


def pieces(tokens, offset, limit, renderer):
    """The text of a row in order, as {"text", "taught"}; what max_seq_length cuts off is not taught."""
    spans = ((tokens[:offset], False), (tokens[offset:limit], True), (tokens[max(offset, limit) :], False))
    decoded = ((renderer.decode(span), taught) for span, taught in spans if span)
    return [{"text": text, "taught": taught} for text, taught in decoded]


def rows(part, tokenizer, keys, args):
    """The rows to show, as check_data.py describes them."""
    if not part.taught:
        return []
    encoder, renderer = data_measure.Encoder(part, tokenizer, keys, args), Renderer(tokenizer)
    place = {line: index for index, (line, _) in enumerate(part.rows)}
    shown = []
    for row in (part.taught[index] for index in chosen(part, args.show)):
        (tokens, offset), _ = encoder.encode(place[row.line])
        parts = pieces(tokens, offset if args.mask_prompt else 0, args.max_seq_length, renderer)
        sentences = [data_findings.sentence(*finding) for finding in row.findings]
        shown.append({"file": part.name, "line": row.line, "pieces": parts, "findings": sentences})
    return shown
