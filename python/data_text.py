"""A row as text: what the model's template and tokenizer make of it, and where the training's mask and cut lie in it.

Texts are compared without whitespace, because templates trim it, and after they went through the tokenizer, because
some tokenizers drop characters. All positions count the characters of such a text.
"""

MARKER = "PHASEBOXANSWERHERE"


def squeezed(text):
    """The text without whitespace."""
    return "".join(text.split())


class Renderer:
    """The chat template and the tokenizer of the model."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.characters = {}  # code point -> what the tokenizer makes of the character

    def names(self, role):
        """Whether the chat template names a role. A template that names none prints any role."""
        template = str(self.tokenizer.chat_template)
        return any(f"{quote}{role}{quote}" in template for quote in ("'", '"'))

    def render(self, messages, tools, **options):
        return self.tokenizer.apply_chat_template(messages, tools=tools, tokenize=False, **options)

    def decode(self, tokens):
        return self.tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)

    def decoded(self, text):
        """The text encoded and decoded again, without whitespace."""
        return squeezed(self.decode(self.tokenizer.encode(text, add_special_tokens=False)))

    def spelled(self, text):
        """The text with every character as the tokenizer gives it back; whitespace stays."""
        for character in set(text):
            if ord(character) not in self.characters:
                self.characters[ord(character)] = character if character.isspace() else self.decoded(character)
        return text.translate(self.characters)

    def normal(self, text):
        """`decoded`, but character by character: the same for nearly every tokenizer, and a hundred times faster."""
        return self.spelled(squeezed(text))


class RenderedRow:
    """The messages of a row, and the text of its tokens.

    `offset` is the number of masked tokens, None without mask_prompt. `written` is everything that was tokenized, and
    `text` is the same without whitespace; the part from `start` to `end` is taught. `prompt` is the length of the prompt
    that precedes the last message when the model is asked; it is None without mask_prompt, and when the row does not
    begin with that prompt.
    """

    def __init__(self, messages, tools, tokens, offset, limit, renderer):
        self.messages, self.tools, self.renderer, self.masked = messages, tools, renderer, offset is not None
        self.tokens = tokens[offset:limit]
        self.written = renderer.decode(tokens)
        self.text = squeezed(self.written)
        self.start = 0 if offset is None else len(squeezed(renderer.decode(tokens[:offset])))
        self.end = len(self.text) if len(tokens) <= limit else len(squeezed(renderer.decode(tokens[:limit])))
        self.prompt = None if offset is None else self._prompt()

    def taught(self):
        """What is taught of the row, as it is written."""
        return self.renderer.decode(self.tokens)

    def _prompt(self):
        asks = self.messages[-1].get("role") == "assistant"
        prompt = self.renderer.render(self.messages[:-1], self.tools, add_generation_prompt=asks)
        prompt = self.renderer.normal(prompt)
        return len(prompt) if self.text.startswith(prompt) else None

    def is_repeatable(self):
        """False for a template that prints the time: then a row never begins with the prompt that was rendered after it."""
        return self.text == self.renderer.normal(self.renderer.render(self.messages, self.tools))

    def body(self, index):
        """(start, end) of what the template prints for a message, without its header and its end. None if not known.

        The row is rendered again with a marker for the message's content, so that a short answer is not mistaken for a
        piece of the template. What surrounds the marker must surround the message.
        """
        message = {key: value for key, value in self.messages[index].items() if key not in ("tool_calls", "function_call")}
        marked = [*self.messages[:index], {**message, "content": MARKER}, *self.messages[index + 1 :]]
        try:
            before, found, after = self.renderer.render(marked, self.tools).partition(MARKER)
        except Exception:  # the template may refuse the marker for a reason of its own; it has rendered the row itself
            return None
        before, after = self.renderer.normal(before), self.renderer.normal(after)
        fits = found and self.text.startswith(before) and self.text.endswith(after)
        end = len(self.text) - len(after)
        return (len(before), end) if fits and len(before) <= end else None

    def find(self, text, start=0, end=None):
        """(start, end) of the last occurrence of a text; None when there is none. An empty text is never found."""
        for reading in (self.renderer.normal, self.renderer.decoded):
            wanted = reading(text)
            at = self.text.rfind(wanted, start, end) if wanted else -1
            if at >= 0:
                return at, at + len(wanted)
        return None
