"""Text to tokens and back. Bytes need no vocabulary; transformers' tokenizers come through an adapter.

Imports without torch and without transformers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from optimization.policy.errors import MissingPackage

ChatMessage = Mapping[str, Any]
# The file that says of a model's folder that its tokens are bytes.
BYTES = "bytes.txt"


class Tokenizer(Protocol):
    """What a policy reads and writes. `ends` are the tokens after which a completion is over."""

    vocabulary: int
    padding: int
    ends: frozenset[int]

    def encode(self, text: str) -> list[int]: ...

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens, without end and padding."""

    def prompt(self, prompt: str | Sequence[ChatMessage]) -> list[int]:
        """The tokens that a completion continues; never none."""

    def chat(self, messages: Sequence[ChatMessage], *, reply_follows: bool) -> list[int]:
        """A conversation in the model's own form, up to where the assistant's next reply begins if one follows."""

    def save(self, folder: Path) -> None: ...


class ByteTokenizer:
    """A token a byte of UTF-8, then one for the end and one for padding: any text, no file, 258 in all.

    Of a conversation every message becomes its role, a colon and its text on a line of its own.
    """

    vocabulary = 258
    END, padding = 256, 257
    ends = frozenset({END})

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def decode(self, tokens: Sequence[int]) -> str:
        return bytes(token for token in tokens if token < 256).decode(errors="replace")

    def prompt(self, prompt: str | Sequence[ChatMessage]) -> list[int]:
        tokens = self.encode(prompt) if isinstance(prompt, str) else self.chat(prompt, reply_follows=True)
        return tokens or [self.END]

    def chat(self, messages: Sequence[ChatMessage], *, reply_follows: bool) -> list[int]:
        tokens: list[int] = []
        for message in messages:
            tokens += self.encode(f"{message['role']}: {message['content'] or ''}")
            tokens += [self.END] if message["role"] == "assistant" else self.encode("\n")
        return tokens + self.encode("assistant: ") if reply_follows else tokens

    def save(self, folder: Path) -> None:
        (folder / BYTES).write_text("Text is read and written byte by byte; 256 ends it, 257 pads it.\n")


class PretrainedTokenizer:
    """A tokenizer of transformers, from a folder or by name."""

    def __init__(self, path_or_name: str) -> None:
        try:
            from transformers import AutoTokenizer
        except ImportError:
            raise MissingPackage("transformers", f"The tokenizer of {path_or_name}") from None
        self.inner: Any = AutoTokenizer.from_pretrained(path_or_name)
        self.name = path_or_name
        self.vocabulary = len(self.inner)
        end = self.inner.eos_token_id
        if end is None:
            raise ValueError(f"The tokenizer of {path_or_name} has no end token, so no completion would end.")
        self.ends = frozenset({end})
        self.padding = end if self.inner.pad_token_id is None else self.inner.pad_token_id

    def encode(self, text: str) -> list[int]:
        return list(self.inner.encode(text, add_special_tokens=False))

    def decode(self, tokens: Sequence[int]) -> str:
        return str(self.inner.decode(list(tokens), skip_special_tokens=True))

    def prompt(self, prompt: str | Sequence[ChatMessage]) -> list[int]:
        if not isinstance(prompt, str):
            return self.chat(prompt, reply_follows=True)
        tokens = list(self.inner.encode(prompt))
        return tokens or [min(self.ends) if self.inner.bos_token_id is None else self.inner.bos_token_id]

    def chat(self, messages: Sequence[ChatMessage], *, reply_follows: bool) -> list[int]:
        if not self.inner.chat_template:
            raise ValueError(
                f"The tokenizer of {self.name} has no chat template, so it cannot read a conversation. Give the prompt "
                "as text, or take a model that was trained on chats."
            )
        text = self.inner.apply_chat_template(
            list(messages), add_generation_prompt=reply_follows, tokenize=False
        )
        return list(self.inner.encode(text, add_special_tokens=False))

    def save(self, folder: Path) -> None:
        self.inner.save_pretrained(folder)
