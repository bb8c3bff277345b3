"""The demo CLIP's text tower during training: open_clip's own modules over a table of only the
words that occur.

The tokenizer has 49,408 tokens and this world about a hundred; training the whole table would cost
more than all the rest. So `SmallVocabulary` maps tokens to rows of a small table (row 1 stands for
every other word and is trained by random insertion), and texts are cut to the longest of their
batch, which changes nothing since attention is causal and read at the end-of-text token.
"""

import random
from collections.abc import Sequence

import open_clip
import torch
from open_clip.model import CLIP
from torch import Tensor, nn

from training.phrases import every_text

OTHER = 1  # row of the small table for words outside it


class SmallVocabulary:
    """Tokens of open_clip's tokenizer to rows of a small table and back. ids are in rising order,
    so the end token stays last.
    """

    def __init__(self, model_name: str) -> None:
        self._tokenize = open_clip.get_tokenizer(model_name)
        used = set(self._tokenize(every_text()).flatten().tolist()) | {0}
        kept = sorted(used)
        self.ids: list[int] = kept
        self._row = {token: row + (row >= OTHER) for row, token in enumerate(kept)}
        self.size = len(kept) + 1

    def rows(
        self, texts: Sequence[str], insert: float = 0.0, chance: random.Random | None = None
    ) -> Tensor:
        """(Q, L) int64 rows, L as long as the longest. insert: the chance that an unknown word
        slips into a text.
        """
        tokens = self._tokenize(list(texts)).tolist()
        context = len(tokens[0])
        lines = [[self._row.get(token, OTHER) for token in line] for line in tokens]
        end = self.size - 1
        for line in lines:
            if chance is not None and chance.random() < insert and line.index(end) < context - 1:
                line.insert(chance.randint(1, line.index(end)), OTHER)
                line.pop()
        longest = max(line.index(end) for line in lines) + 1
        return torch.tensor([line[:longest] for line in lines])

    def shrink(self, model: CLIP) -> None:
        """Replace the model's token table by a small one, freshly initialised."""
        table = nn.Embedding(self.size, model.token_embedding.embedding_dim)
        nn.init.normal_(table.weight, std=0.02)
        model.token_embedding = table

    def trimmed(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """A whole model's state with its table cut down to the small one: the reverse of `grow`."""
        table = state["token_embedding.weight"]
        unused = next(token for token in range(len(table)) if token not in self._row)
        kept = table[self.ids]
        small = torch.cat([kept[:OTHER], table[unused : unused + 1], kept[OTHER:]])
        return {**state, "token_embedding.weight": small}

    def grow(self, state: dict[str, Tensor], vocab_size: int) -> tuple[dict[str, Tensor], Tensor]:
        """A trained state with the whole table again; and (1, width) the row of every other word."""
        small = state["token_embedding.weight"]
        other = small[OTHER : OTHER + 1]
        table = other.repeat(vocab_size, 1)
        table[self.ids] = torch.cat([small[:OTHER], small[OTHER + 1 :]])
        return {**state, "token_embedding.weight": table}, other


def read(model: CLIP, rows: Tensor) -> Tensor:
    """(Q, L) rows -> (Q, D) unit length: `encode_text` for texts shorter than the context."""
    length = rows.shape[1]
    x = model.token_embedding(rows) + model.positional_embedding[:length]
    x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask[:length, :length]))
    ends = x[torch.arange(len(rows)), rows.argmax(dim=-1)] @ model.text_projection
    return nn.functional.normalize(ends, dim=-1)
