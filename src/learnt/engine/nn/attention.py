"""Attention with several heads, and the Transformer's layers built of it.

(Vaswani et al. 2017; normalisation before each part, `norm_first`: Xiong et al. 2020)
"""

import copy
import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from learnt.engine.nn import functional as F
from learnt.engine.nn import init
from learnt.engine.nn.containers import ModuleList
from learnt.engine.nn.functions import Dropout
from learnt.engine.nn.linear import Linear
from learnt.engine.nn.module import Module, Parameter, parameter
from learnt.engine.nn.norm import LayerNorm
from learnt.engine.ops.arithmetic import where
from learnt.engine.ops.attention import scaled_dot_product_attention
from learnt.engine.ops.gelu import gelu
from learnt.engine.ops.shape import cat
from learnt.engine.tensor import Tensor

Mask = Tensor | None
ACTIVATIONS: dict[str, Any] = {"relu": F.relu, "gelu": gelu}


class NonDynamicallyQuantizableLinear(Linear):
    """A linear layer, by the name that it has in PyTorch."""


class MultiheadAttention(Module):
    """softmax(QKᵀ/√D + mask)·V for each head, D = embed_dim / num_heads; then a linear layer.

    query (L, N, E), key (S, N, kdim), value (S, N, vdim) → (L, N, E) and the weights (N, L, S),
    a mean over heads; (N, L, E) and so on with `batch_first`; without N for one example. A mask
    holds True where a key is not to be seen, or numbers to add.
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True,
        add_bias_kv: bool = False, add_zero_attn: bool = False, kdim: int | None = None,
        vdim: int | None = None, batch_first: bool = False, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        e, factory = embed_dim, {"device": device, "dtype": dtype}
        if num_heads < 1 or e < 1 or e % num_heads:
            raise ValueError(f"embed_dim must be a multiple of num_heads; got {e}, {num_heads}")
        self.embed_dim, self.num_heads, self.head_dim = e, num_heads, e // num_heads
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        self.kdim, self.vdim = e if kdim is None else kdim, e if vdim is None else vdim
        one = self._qkv_same_embed_dim = self.kdim == self.vdim == e

        def made(there: bool, *shape: int) -> Parameter | None:
            return parameter(*shape, **factory) if there else None

        self.q_proj_weight = made(not one, e, e)
        self.k_proj_weight = made(not one, e, self.kdim)
        self.v_proj_weight = made(not one, e, self.vdim)
        self.in_proj_weight, self.in_proj_bias = made(one, 3 * e, e), made(bias, 3 * e)
        self.bias_k, self.bias_v = (made(add_bias_kv, 1, 1, e) for _ in "kv")
        self.out_proj = NonDynamicallyQuantizableLinear(e, e, bias=bias, **factory)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for name, p in self.named_parameters(recurse=False):
            (init.xavier_uniform_ if "weight" in name else init.xavier_normal_
             if p.array.ndim == 3 else init.zeros_)(p)  # fmt: skip
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Mask = None,
        need_weights: bool = True, attn_mask: Mask = None, average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """The result, and the weights if they are needed; is_causal: attn_mask is such a mask."""
        if is_causal and attn_mask is None:
            raise RuntimeError("is_causal only says what attn_mask is: pass both")
        batched, pads = query.array.ndim == 3, key_padding_mask

        def turned(x: Tensor) -> Tensor:
            return x.unsqueeze(0) if not batched else x if self.batch_first else x.transpose(0, 1)

        same, query = query is key is value, turned(query)  # (N, L, E)
        q, k, v = self._heads(query, *((query, query) if same else (turned(key), turned(value))))
        n, h, length, _ = q.array.shape
        size = n, h, length, key.array.shape[0 if not batched or not self.batch_first else 1]
        pads = pads if batched or pads is None else pads.unsqueeze(0)
        causal = is_causal and not need_weights and pads is None
        mask = None if causal else _merged(attn_mask, pads, size, k)
        p, weights = self.dropout if self.training else 0.0, None
        if need_weights:
            scores = (q * math.sqrt(1 / self.head_dim)) @ k.transpose(-2, -1)
            weights = F.dropout(F.softmax(scores if mask is None else scores + mask, -1), p)
            y = weights @ v
            weights = weights.mean(1) if average_attn_weights else weights
        else:
            y = scaled_dot_product_attention(q, k, v, mask, p, causal)
        y = self.out_proj(y.transpose(1, 2).reshape(n, length, self.embed_dim))
        if not batched:
            return y.squeeze(0), None if weights is None else weights.squeeze(0)
        return y if self.batch_first else y.transpose(0, 1), weights

    def _heads(self, *inputs: Tensor) -> list[Tensor]:
        """Queries, keys and values from (N, …, E): (N, H, …, D)."""
        weight, bias, n, e = self.in_proj_weight, self.in_proj_bias, len(inputs[0]), self.embed_dim
        if weight is not None and inputs[0] is inputs[1] is inputs[2]:
            q, k, v = F.linear(inputs[0], weight, bias).chunk(3, -1)
        else:
            own: Any = self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
            weights = own if weight is None else weight.chunk(3)
            biases: Any = [None] * 3 if bias is None else bias.chunk(3)
            q, k, v = map(F.linear, inputs, weights, biases)
        if self.bias_k is not None and self.bias_v is not None:
            k, v = (cat([x, b.expand(n, 1, e)], 1) for x, b in ((k, self.bias_k), (v, self.bias_v)))
        if self.add_zero_attn:
            k, v = (cat([x, Tensor(np.zeros((n, 1, e), x.array.dtype))], 1) for x in (k, v))
        return [x.reshape(n, x.array.shape[1], self.num_heads, self.head_dim).transpose(1, 2)
                for x in (q, k, v)]  # fmt: skip


def _merged(mask: Mask, padding: Mask, size: tuple[int, ...], k: Tensor) -> Mask:
    """Both masks as numbers to add to scores of a size (N, H, L, S), or of more keys."""
    (n, h, length, keys), found = size, None
    extra = k.array.shape[2] - keys
    for name, given, shapes in (
        ("attn_mask", mask, {(length, keys): (length, keys), (n * h, length, keys): size}),
        ("key_padding_mask", padding, {(n, keys): (n, 1, 1, keys)}),
    ):
        if given is not None:
            shape, wanted = given.array.shape, " or ".join(map(str, shapes))
            if shape not in shapes:
                raise RuntimeError(f"{name} must have shape {wanted}; got {shape}")
            if given.array.dtype.kind not in "bf":
                raise RuntimeError(f"{name} must be of bool or fractions; got {given.array.dtype}")
            part = given.reshape(shapes[shape])
            if part.array.dtype == bool:
                part = where(part, *(Tensor(np.asarray(x, k.array.dtype)) for x in (-np.inf, 0)))
            part = F.pad(part, (0, extra)) if extra else part
            found = part if found is None else found + part
    return found


def _generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
    """−∞ above the diagonal, else 0: step i sees steps 0 to i."""
    return Tensor(np.triu(np.full((sz, sz), -np.inf, dtype or np.float32), 1))


class _TransformerLayer(Module):
    """Attention (one kind, or two), then two linear layers, each part added to its input."""

    attentions: ClassVar[tuple[str, ...]] = ("self_attn",)
    self_attn: MultiheadAttention

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu, layer_norm_eps: float = 1e-5,
        batch_first: bool = False, norm_first: bool = False, bias: bool = True,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        factory = {"bias": bias, "device": device, "dtype": dtype}
        for name in self.attentions:
            made = MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **factory)
            setattr(self, name, made)
        self.linear1 = Linear(d_model, dim_feedforward, **factory)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **factory)
        self.norm_first = norm_first
        parts = range(1, len(self.attentions) + 2)
        for i in parts:
            setattr(self, f"norm{i}", LayerNorm(d_model, layer_norm_eps, **factory))
        for i in parts:
            setattr(self, f"dropout{i}", Dropout(dropout))
        if isinstance(activation, str) and activation not in ACTIVATIONS:
            raise RuntimeError(f"activation must be relu, gelu or a function; got {activation!r}")
        self.activation = ACTIVATIONS.get(activation, activation)  # type: ignore[arg-type]

    def _added(self, i: int, x: Tensor, part: Callable[[Tensor], Tensor]) -> Tensor:
        """x + part(x), normalised before or after."""
        norm, drop = getattr(self, f"norm{i}"), getattr(self, f"dropout{i}")
        y: Tensor = x + drop(part(norm(x))) if self.norm_first else norm(x + drop(part(x)))
        return y

    def _feed(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return y


class TransformerEncoderLayer(_TransformerLayer):
    """Attention to the sequence itself, then two linear layers: (L, N, E) → (L, N, E)."""

    def forward(
        self, src: Tensor, src_mask: Mask = None, src_key_padding_mask: Mask = None,
        is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """The sequence, one layer on; masks as in MultiheadAttention."""
        own, pads = self.self_attn, src_key_padding_mask
        y = self._added(1, src, lambda x: own(x, x, x, pads, False, src_mask, True, is_causal)[0])
        return self._added(2, y, self._feed)


class TransformerDecoderLayer(_TransformerLayer):
    """Attention to the sequence itself, then to `memory`, then two linear layers."""

    attentions = ("self_attn", "multihead_attn")
    multihead_attn: MultiheadAttention

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Mask = None, memory_mask: Mask = None,
        tgt_key_padding_mask: Mask = None, memory_key_padding_mask: Mask = None,
        tgt_is_causal: bool = False, memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """The sequence, one layer on; masks as in MultiheadAttention."""
        own, to_memory, m = self.self_attn, self.multihead_attn, memory
        masks = tgt_key_padding_mask, False, tgt_mask, True, tgt_is_causal
        others = memory_key_padding_mask, False, memory_mask, True, memory_is_causal
        y = self._added(1, tgt, lambda x: own(x, x, x, *masks)[0])
        y = self._added(2, y, lambda x: to_memory(x, m, m, *others)[0])
        return self._added(3, y, self._feed)


class _Stack(Module):
    """Copies of a layer, one after the other, and what normalises the last one's result."""

    def __init__(self, layer: Module, num_layers: int, norm: Module | None) -> None:
        super().__init__()
        self.layers = ModuleList(copy.deepcopy(layer) for _ in range(num_layers))
        self.num_layers, self.norm = num_layers, norm

    def _run(self, x: Tensor, *args: Any, **options: Any) -> Tensor:
        for layer in self.layers:
            x = layer(x, *args, **options)
        return x if self.norm is None else self.norm(x)


class TransformerEncoder(_Stack):
    """Copies of an encoder layer."""

    def __init__(
        self, encoder_layer: Module, num_layers: int, norm: Module | None = None,
        enable_nested_tensor: bool = True, mask_check: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(encoder_layer, num_layers, norm)

    def forward(
        self, src: Tensor, mask: Mask = None, src_key_padding_mask: Mask = None,
        is_causal: bool | None = None,
    ) -> Tensor:  # fmt: skip
        """All layers, one after the other; masks as in MultiheadAttention."""
        return self._run(src, src_mask=mask, src_key_padding_mask=src_key_padding_mask,
                         is_causal=bool(is_causal))  # fmt: skip


class TransformerDecoder(_Stack):
    """Copies of a decoder layer."""

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__(decoder_layer, num_layers, norm)

    def forward(self, tgt: Tensor, memory: Tensor, *args: Any, **options: Any) -> Tensor:
        """All layers, one after the other; masks as in TransformerDecoderLayer."""
        return self._run(tgt, memory, *args, **options)


class Transformer(Module):
    """Encoder and decoder: src (S, N, E), tgt (T, N, E) → (T, N, E)."""

    generate_square_subsequent_mask = staticmethod(_generate_square_subsequent_mask)

    def __init__(
        self, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6,
        num_decoder_layers: int = 6, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu, custom_encoder: Any = None,
        custom_decoder: Any = None, layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        end: Any = {"bias": bias, "device": device, "dtype": dtype}
        start: Any = d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps
        start += batch_first, norm_first
        self.encoder, self.decoder = custom_encoder, custom_decoder
        if custom_encoder is None:
            layer = TransformerEncoderLayer(*start, **end)
            norm = LayerNorm(d_model, layer_norm_eps, **end)
            self.encoder = TransformerEncoder(layer, num_encoder_layers, norm)
        if custom_decoder is None:
            other = TransformerDecoderLayer(*start, **end)
            norm = LayerNorm(d_model, layer_norm_eps, **end)
            self.decoder = TransformerDecoder(other, num_decoder_layers, norm)
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first
        for p in self.parameters():
            if p.array.ndim > 1:
                init.xavier_uniform_(p)

    def forward(
        self, src: Tensor, tgt: Tensor, src_mask: Mask = None, tgt_mask: Mask = None,
        memory_mask: Mask = None, src_key_padding_mask: Mask = None,
        tgt_key_padding_mask: Mask = None, memory_key_padding_mask: Mask = None,
        src_is_causal: bool | None = None, tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """tgt, decoded with src's encoding in sight; masks as in MultiheadAttention."""
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        pads = tgt_key_padding_mask, memory_key_padding_mask
        causal = tgt_is_causal, memory_is_causal
        found: Tensor = self.decoder(tgt, memory, tgt_mask, memory_mask, *pads, *causal)
        return found
