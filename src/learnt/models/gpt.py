"""GPT: a decoder-only transformer. From the tokens so far, scores for the next one, at every place.

After GPT-2 (Radford et al. 2019), with what pays at this size: rotary positions (Su et al. 2021),
root-mean-square norms without weights (Zhang & Sennrich 2019), normalised queries and keys
(Henry et al. 2020), squared ReLU (So et al. 2021), and learnt rows for the last two and three
tokens together, hashed (after fastText; Bojanowski et al. 2017): they remember what a small
transformer has no room for, at the price of a look-up.
"""

import learnt.engine as torch
from learnt.engine import nn

F = nn.functional
Tensor = torch.Tensor


class Attention(nn.Module):
    """Each place takes from those before it what its queries ask for: (B, T, C) → the same."""

    cos: Tensor
    sin: Tensor

    def __init__(self, width: int, heads: int, context: int) -> None:
        super().__init__()
        self.heads, size = heads, width // heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        nn.init.normal_(self.qkv.weight, std=width**-0.5)
        nn.init.zeros_(self.out.weight)
        angles = 10_000.0 ** (torch.arange(size // 2) * (-2 / size))
        angles = torch.arange(context).unsqueeze(1) * angles  # (T, E/2)
        self.register_buffer("cos", torch.cat([angles.cos()] * 2, 1), persistent=False)
        self.register_buffer("sin", torch.cat([-angles.sin(), angles.sin()], 1), persistent=False)

    def turned(self, x: Tensor) -> Tensor:
        """Each pair of numbers turned by an angle that grows with the place: (B, H, T, E)."""
        t, half = x.size(2), x.size(3) // 2
        swapped = torch.cat([x[..., half:], x[..., :half]], -1)
        y: Tensor = x * self.cos[:t] + swapped * self.sin[:t]
        return y

    def forward(self, x: Tensor) -> Tensor:
        b, t, c = x.size()
        size = (c // self.heads,)
        q, k, v = self.qkv(x).view(b, t, 3 * self.heads, size[0]).transpose(1, 2).chunk(3, 1)
        q, k = self.turned(F.rms_norm(q, size)), self.turned(F.rms_norm(k, size))  # (B, H, T, E)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        z: Tensor = self.out(y.transpose(1, 2).reshape(b, t, c))
        return z


class Block(nn.Module):
    """Attention between the places, then two layers at each; both add to what was there."""

    def __init__(self, width: int, heads: int, context: int) -> None:
        super().__init__()
        self.attention = Attention(width, heads, context)
        self.wide = nn.Linear(width, 4 * width, bias=False)
        self.back = nn.Linear(4 * width, width, bias=False)
        nn.init.normal_(self.wide.weight, std=width**-0.5)
        nn.init.zeros_(self.back.weight)

    def forward(self, x: Tensor) -> Tensor:
        size = x.size()[-1:]
        x = x + self.attention(F.rms_norm(x, size))
        y: Tensor = x + self.back(F.relu(self.wide(F.rms_norm(x, size))).square())
        return y


class Neighbours(nn.Module):
    """A learnt row for each token together with the one before it, and with the two before.

    There are more such pairs than rows: the number of a pair, over a prime, leaves its row.
    """

    def __init__(self, vocabulary: int, width: int, rows: int, size: int) -> None:
        super().__init__()
        self.vocabulary, self.rows = vocabulary, rows
        self.two, self.three = nn.Embedding(rows, size), nn.Embedding(rows, size)
        self.up = nn.Linear(2 * size, width, bias=False)
        for table in (self.two, self.three):
            nn.init.normal_(table.weight, std=0.01)

    def forward(self, tokens: Tensor) -> Tensor:
        t, start = tokens.size(1), self.vocabulary - 1  # what stands before the first token
        before = F.pad(tokens, (1, 0), value=start)[:, :t]
        earlier = F.pad(tokens, (2, 0), value=start)[:, :t]
        pair = tokens * self.vocabulary + before
        three = pair * self.vocabulary + earlier
        rows = [self.two(pair % self.rows), self.three(three % self.rows)]
        x: Tensor = self.up(torch.cat(rows, -1))
        return x


class GPT(nn.Module):
    """Tokens (B, T) → scores (B, T, vocabulary) of the token that follows each.

    The last token of the vocabulary stands for the beginning of a text. T is at most `context`.
    """

    def __init__(
        self, vocabulary: int, context: int, width: int, layers: int, heads: int,
        rows: int = 16_381, row_size: int = 32,
    ) -> None:  # fmt: skip
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.neighbours = Neighbours(vocabulary, width, rows, row_size)
        self.blocks = nn.ModuleList(Block(width, heads, context) for _ in range(layers))
        self.head = nn.Linear(width, vocabulary, bias=False)
        nn.init.normal_(self.words.weight, std=0.02)
        nn.init.normal_(self.head.weight, std=0.01)

    def forward(self, tokens: Tensor) -> Tensor:
        size = self.words.weight.size()[1:]
        x = F.rms_norm(self.words(tokens) + self.neighbours(tokens), size)  # (B, T, C)
        for block in self.blocks:
            x = block(x)
        scores: Tensor = self.head(F.rms_norm(x, size))
        return scores
