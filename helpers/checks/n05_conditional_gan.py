"""The checks of assignment 05: small networks, every gradient looked at, nothing trained."""

import argparse
import copy
import math
import sys
from unittest import mock

import torch
import torch.nn.functional as F
from easydict import EasyDict
from torch import nn

from helpers.checks import Exercise, close, everywhere, first_wrong, follows_generator, refuses

EXERCISES = {
    "5.1": Exercise(
        2,
        [
            "Eleven names, spelled as in the card, in both ways. n_classes is counted, not written down.",
            "Without a type, argparse gives text: --lr 0.1 must become the number 0.1.",
            "parse_args() reads sys.argv, the command line of the kernel. Give it another list of words: an empty one.",
        ],
    ),
    "5.2": Exercise(
        2,
        [
            "Byte 0 becomes -1, byte 255 becomes 1: divide by half of 255, then take off 1. The label stays a number.",
            "With eight classes the largest label is 7. Compare in __init__, before anything is trained.",
            "DataLoader has an argument for each wish: batch_size, shuffle, num_workers, drop_last.",
        ],
    ),
    "5.3": Exercise(
        3,
        [
            "z and the class's embedding side by side: torch.cat along dimension 1. A linear layer makes 4 x 4 of it.",
            "How often must 4 be doubled to reach img_size? Make as many layers; refuse where no number fits.",
            "self.training tells the mode. Compare y with the number of classes before you look it up.",
        ],
    ),
    "5.4": Exercise(
        3,
        [
            "Convolutions with stride 2 until the picture is small; sum over places; a linear layer to one number.",
            "A projection: the dot product of the picture's features with a vector of the class, added to that number.",
            "A logit is not squeezed: no sigmoid. A picture is judged alone: no batch normalisation.",
        ],
    ),
    "5.5": Exercise(
        2,
        [
            "Draw max(0, 1 - s) over s. Where is it 0? That side is where real logits should be.",
            "The signs: real ones should be above 1, fake ones below -1. Two means, added.",
            "The generator's loss has no max: it always wants higher logits.",
        ],
    ),
    "5.6": Exercise(
        4,
        [
            "Order: fake, generator's loss, zero_grad, backward, step. Then the same for the discriminator.",
            "The generator's backward leaves gradients in the discriminator, too. When must they be cleared?",
            "fake.detach() is the same picture without its history: the discriminator's backward ends there.",
        ],
        changes=("weights",),
    ),
    "5.7": Exercise(
        2,
        [
            "repeat_interleave repeats each code for all classes; repeat goes through the classes for each code.",
            "generator.training tells the mode: keep it before eval(), and bring it back.",
            "torch.no_grad() around the call, and unflatten to bring rows and columns apart.",
        ],
    ),
    "5.8": Exercise(
        2,
        [
            "t is a column of even steps from 0 to 1, ends included: torch.linspace. The codes are rows.",
            "The cosine of the angle needs both lengths: F.cosine_similarity. Rounding may bring it above 1: clamp.",
            "Where sin(angle) is nearly 0, do not divide: go straight from a to b.",
        ],
    ),
    "5.9": Exercise(
        3,
        [
            "augment: torch.rand(n, 1, 1, 1) gives one number for each picture. Below one half, take x.flip(3).",
            "augment: the generator goes into every torch.rand. torch.where chooses without cutting the gradient.",
            "Augmented: keep the discriminator as an attribute (after super().__init__()), and call it on augment(x).",
        ],
    ),
    "5.10": Exercise(
        2,
        [
            "state_dict() holds the weights and the buffers of a network, in the same order for both.",
            "In place: mul_ and add_ (or lerp_) change the tensor itself. Around it: torch.no_grad().",
            "BatchNorm's num_batches_tracked is a whole number: is_floating_point() tells it apart, copy_ copies it.",
        ],
        changes=("weights",),
    ),
    "5.11": Exercise(
        3,
        [
            "torch.cov wants features as rows: x.mT. With one feature it gives a single number: reshape it to (1, 1).",
            "torch.linalg.eigvals(A @ B) is complex: .real.clamp(min=0).sqrt().sum() is the trace of the root.",
            "Double precision from the start: x.double(). At the end .item(), and max(0.0, ...).",
        ],
    ),
    "5.12": Exercise(
        2,
        [
            "All pairs: made[:, None] - training[None] has the shape (n, m, d). Or torch.cdist.",
            "topk(2, largest=False) gives the two smallest distances of each row, the smaller one first.",
            "0 / 0 is NaN: where the second distance is 0, write 1 instead.",
        ],
    ),
}

# 5.1 configuration

DEFAULTS = {"n_epochs": 40, "batch_size": 1, "lr": 0.0002, "b1": 0.5, "b2": 0.999, "n_cpu": 8, "latent_dim": 100}
DEFAULTS |= {"img_size": 64, "channels": 3, "sample_interval": 1}


def differences(options, classes):
    """True where these are the eleven defaults, or a text that names the first one that differs."""
    expected = DEFAULTS | {"n_classes": classes}
    for name, value in expected.items():
        if name not in options:
            return f"there is no {name}"
        if options[name] != value or type(options[name]) is not type(value):
            return f"{name} is {options[name]!r}, not {value!r}"
    extra = sorted(set(options) - set(expected))
    return f"there is also {extra[0]}" if extra else True


@EXERCISES["5.1"].case("make_config holds the eleven options, as entries and as attributes")
def _(make_config, make_parser, notebook_config):
    for classes in (["a", "b", "c"], list("abcdefgh")):
        config = make_config(classes)
        if (verdict := differences(dict(config), len(classes))) is not True:
            return verdict
        if getattr(config, "lr", None) != config["lr"]:
            return "config.lr is not config['lr']"
    return True


@EXERCISES["5.1"].case("make_parser has the same defaults, and takes numbers of the right kind from a command line")
def _(make_config, make_parser, notebook_config):
    parser = make_parser(["a", "b", "c"])
    if not isinstance(parser, argparse.ArgumentParser):
        return f"it returned {type(parser).__name__}"
    if (verdict := differences(vars(parser.parse_args([])), 3)) is not True:
        return verdict
    changed = {"n_epochs": 7, "lr": 0.01, "b1": 0.0, "img_size": 32, "n_classes": 5, "n_cpu": 0}
    words = [word for name, value in changed.items() for word in (f"--{name}", str(value))]
    got = vars(parser.parse_args(words))
    for name, value in changed.items():
        if got[name] != value or type(got[name]) is not type(value):
            return f"--{name} {value} gave {got[name]!r}"
    return True


@EXERCISES["5.1"].case("notebook_config works whatever the program's own command line says")
def _(make_config, make_parser, notebook_config):
    verdicts = []
    for own, classes in ((["kernel", "-f", "kernel-1.json"], ["a", "b"]), (["train.py", "--lr", "0.5"], list("abcd"))):
        with mock.patch.object(sys, "argv", own):
            config = notebook_config(make_parser(classes))
        if not isinstance(config, EasyDict):
            return f"it returned {type(config).__name__}, not an EasyDict"
        verdicts.append(differences(config, len(classes)))
    return first_wrong(*verdicts)


@EXERCISES["5.1"].case("notebook_config gives the defaults of whatever parser it gets")
def _(make_config, make_parser, notebook_config):
    parser = make_parser(["a", "b"])
    parser.set_defaults(lr=0.3, n_epochs=5)
    other = argparse.ArgumentParser()
    other.add_argument("--depth", type=int, default=3)
    with mock.patch.object(sys, "argv", ["kernel", "-f", "kernel-1.json"]):
        got, small = dict(notebook_config(parser)), dict(notebook_config(other))
    for name, value in {"lr": 0.3, "n_epochs": 5, "b1": 0.5}.items():
        if got.get(name) != value:
            return f"the parser's default of {name} is {value}, and it gives {got.get(name)}"
    return small == {"depth": 3} or f"of a parser with --depth alone it makes {small}, not {{'depth': 3}}"


# 5.2 dataset and loader


def refuses_each(function, cases):
    """True where each of these arguments, {in words: arguments}, raises a ValueError; or which one does not."""
    verdicts = {words: refuses(function, *arguments) for words, arguments in cases.items()}
    return first_wrong(*(verdict is True or f"{words}: {verdict}" for words, verdict in verdicts.items()))


def some_pictures(n=10, size=16, channels=3):
    return torch.randint(0, 256, (n, channels, size, size), dtype=torch.uint8), torch.randint(3, (n,))


@EXERCISES["5.2"].case("an item is the picture from -1 to 1 and its label, each time that it is read")
def _(Pictures, make_loader):
    for n, size, channels in ((10, 16, 3), (7, 9, 1)):
        pictures, labels = some_pictures(n, size, channels)
        labels[0] = 2
        pictures[4, 0, 0, :2] = torch.tensor([0, 255], dtype=torch.uint8)
        dataset = Pictures(pictures, labels, list("abc"))
        if len(dataset) != n:
            return f"its length is {len(dataset)}, not {n}"
        for i in (0, 4, n - 1, 4):
            x, y = dataset[i]
            if not x.is_floating_point() or x.shape != (channels, size, size):
                return f"the picture is {x.dtype} of shape {tuple(x.shape)}"
            if not torch.allclose(x.double(), pictures[i].double() / 127.5 - 1, atol=0.005):
                return f"bytes 0 to 255 became numbers from {x.min():.2f} to {x.max():.2f}"
            if int(y) != labels[i]:
                return f"the label of item {i} is {y}, not {labels[i]}"
    return True


@EXERCISES["5.2"].case("labels outside class_list, or too few of them, are refused with a ValueError")
def _(Pictures, make_loader):
    pictures, labels = some_pictures()
    labels = torch.arange(10) % 3
    return refuses_each(
        Pictures,
        {
            "label 2 of two classes": (pictures, labels, ["a", "b"]),
            "label -1": (pictures, labels - 1, list("abc")),
            "ten pictures, nine labels": (pictures, labels[:-1], list("abc")),
        },
    )


@EXERCISES["5.2"].case("the loader takes batch_size and n_cpu from the configuration, and drops the rest")
def _(Pictures, make_loader):
    for n, size in ((10, 4), (7, 2)):
        dataset = Pictures(*some_pictures(n), list("abc"))
        shapes = [tuple(x.shape) for x, _ in make_loader(dataset, EasyDict(batch_size=size, n_cpu=0))]
        if shapes != n // size * [(size, 3, 16, 16)]:
            return f"{n} pictures, {size} a batch, came as {shapes}"
    workers = make_loader(dataset, EasyDict(batch_size=2, n_cpu=1)).num_workers
    return workers == 1 or f"n_cpu 1 gave {workers} workers"


@EXERCISES["5.2"].case("each epoch has an order of its own, and no picture comes twice in it")
def _(Pictures, make_loader):
    marked = torch.arange(30, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 2, 2).clone()
    loader = make_loader(Pictures(marked, torch.arange(30) % 3, list("abc")), EasyDict(batch_size=4, n_cpu=0))
    epochs = []
    for _ in range(3):
        batches = list(loader)
        numbers = torch.cat([(x[:, 0, 0, 0].double() + 1) * 127.5 for x, _ in batches]).round().long()
        if not torch.equal(torch.cat([torch.as_tensor(y) for _, y in batches]), numbers % 3):
            return "the pictures come with labels of others"
        if len(numbers.unique()) < len(numbers):
            return "a picture comes twice in one epoch"
        epochs.append(numbers.tolist())
    if epochs[0] == epochs[1] or epochs[1] == epochs[2]:
        return "the order is the same in every epoch"
    return all(epoch != sorted(epoch) for epoch in epochs) or "the order is that of the dataset"


# 5.3 generator

SMALL = EasyDict(latent_dim=7, n_classes=5, img_size=32, channels=1)
USUAL = EasyDict(latent_dim=100, n_classes=8, img_size=64, channels=3)


def codes(config, n=4):
    return torch.randn(n, config.latent_dim), torch.arange(n) % config.n_classes


def made_for(config, made, dtype=torch.float32):
    """True where these are four pictures as the configuration asks for."""
    expected = (4, config.channels, config.img_size, config.img_size)
    if tuple(made.shape) != expected:
        return f"the shape is {tuple(made.shape)}, not {expected}"
    if made.dtype != dtype:
        return f"codes of {dtype} gave pictures of {made.dtype}"
    return bool(made.abs().max() <= 1) or f"there is a value of {made.abs().max():.2f}"


@EXERCISES["5.3"].case("pictures have the right shape and the codes' dtype, and values between -1 and 1")
def _(Generator):
    for config in (USUAL, SMALL):
        made = Generator(config)(*codes(config))
        if (verdict := made_for(config, made)) is not True:
            return verdict
    with torch.no_grad():
        loud = Generator(SMALL).eval()(1000 * torch.randn(4, 7), torch.arange(4))
        if not loud.abs().max() <= 1:
            return "large codes give values beyond 1"
        z, y = codes(SMALL)
        return made_for(SMALL, Generator(SMALL).double()(z.double(), y), torch.float64)


@EXERCISES["5.3"].case("another class, another picture; another code, another picture; the same of both, the same")
def _(Generator):
    network = Generator(SMALL).eval()
    (z, y), other = codes(SMALL), torch.randn(4, 7)
    made, by_class, by_code = network(z, y), network(z, (y + 1) % 5), network(other, y)
    if not torch.equal(made, network(z, y)):
        return "drawn twice, the same code and class give two pictures"
    if (made - by_class).flatten(1).abs().amax(1).min() < 1e-6:
        return "a changed y changes nothing"
    return bool((made - by_code).flatten(1).abs().amax(1).min() > 1e-6) or "a changed z changes nothing"


@EXERCISES["5.3"].case("a gradient reaches z and every weight")
def _(Generator):
    network, (z, y) = Generator(SMALL), codes(SMALL, 10)
    z.requires_grad_()
    made = network(z, y)
    (made * torch.randn_like(made)).sum().backward()
    without = [name for name, weight in network.named_parameters() if weight.grad is None]
    if without:
        return f"no gradient reaches {without[0]}"
    return bool(z.grad is not None and z.grad.abs().sum() > 0) or "no gradient reaches z"


@EXERCISES["5.3"].case("an img_size of 48 or 100 is made, or refused with a ValueError that says why")
def _(Generator):
    for size in (48, 100):
        config = EasyDict(SMALL, img_size=size)
        try:
            network = Generator(config)
        except ValueError as error:
            if not str(error):
                return "it raised a ValueError, but without a word of explanation"
            continue
        if (verdict := made_for(config, network(*codes(config)))) is not True:
            return f"img_size {size} is not refused, and then {verdict}"
    return True


@EXERCISES["5.3"].case("a class that does not exist, and a batch of one in training, are refused with a ValueError")
def _(Generator):
    network, (z, y) = Generator(SMALL), codes(SMALL)
    if tuple(network.eval()(z[:1], y[:1]).shape) != (1, 1, 32, 32):
        return "in evaluation mode, one picture must be possible"
    calls = {"class 5 of five": (z, y + 2), "class -1": (z, y - 1), "one picture, in training": (z[:1], y[:1])}
    return refuses_each(network.train(), calls)


# 5.4 discriminator


def pictures_for(config, n=4):
    size = config.img_size
    return 2 * torch.rand(n, config.channels, size, size) - 1, torch.arange(n) % config.n_classes


@EXERCISES["5.4"].case("one logit a picture, of the pictures' dtype, in a batch of one, too")
def _(Discriminator):
    for config, n in ((USUAL, 4), (SMALL, 3), (SMALL, 1)):
        logits = Discriminator(config)(*pictures_for(config, n))
        if tuple(logits.shape) != (n,):
            return f"a batch of {n} gave the shape {tuple(logits.shape)}, not ({n},)"
        if logits.dtype != torch.float32:
            return f"pictures of torch.float32 gave logits of {logits.dtype}"
    x, y = pictures_for(SMALL)
    dtype = Discriminator(SMALL).double()(x.double(), y).dtype
    return dtype == torch.float64 or f"pictures of torch.float64 gave logits of {dtype}"


@EXERCISES["5.4"].case(
    "a logit has no bounds: it grows with the weights and the pictures",
    hint="No sigmoid and no tanh at the end, not even one that is multiplied by something: the last step is linear.",
)
def _(Discriminator):
    network, (x, y) = Discriminator(SMALL).eval(), pictures_for(SMALL)
    loudest = []
    with torch.no_grad():
        for _ in range(2):
            for weight in network.parameters():
                weight *= 5
            x = 1000 * x
            loudest.append(network(x, y).abs().max().item())
    return loudest[1] > 2 * loudest[0] or f"the largest logit stays near {loudest[1]:.3g}: is there a sigmoid or tanh?"


@EXERCISES["5.4"].case("a picture's logit does not depend on its neighbours in the batch")
def _(Discriminator):
    network, (x, y) = Discriminator(SMALL).train(), pictures_for(SMALL)
    others, logits = torch.cat([x[:1], 3 * x[1:].flip(0) + 1]), []
    for batch in (x, others):  # with the same dropout, and the same state of a spectral norm
        torch.manual_seed(0)
        logits.append(copy.deepcopy(network)(batch, y)[0].item())
    network.eval()
    together, alone = network(x, y), torch.cat([network(x[i : i + 1], y[i : i + 1]) for i in range(4)])
    near = math.isclose(*logits, rel_tol=1e-3, abs_tol=1e-5) and torch.allclose(together, alone, rtol=1e-3, atol=1e-5)
    return near or "beside other pictures, or judged alone, a picture gets another logit"


@EXERCISES["5.4"].case("the class is used together with the picture")
def _(Discriminator):
    network, (x, _) = Discriminator(SMALL).eval(), pictures_for(SMALL)
    logits = [network(x, torch.full((4,), y)) for y in range(5)]
    for y in range(1, 5):
        gap = logits[y] - logits[y - 1]
        if gap.abs().max() < 1e-7:
            return f"from class {y - 1} to class {y}, nothing changes"
        if (gap - gap.mean()).abs().max() <= 1e-4 * gap.abs().max():
            return f"from class {y - 1} to class {y} every picture's logit changes by the same amount"
    return True


@EXERCISES["5.4"].case("a gradient reaches the picture and every weight")
def _(Discriminator):
    network, (x, y) = Discriminator(SMALL), pictures_for(SMALL, 10)
    x.requires_grad_()
    network(x, y).sum().backward()
    without = [name for name, weight in network.named_parameters() if weight.grad is None]
    if without:
        return f"no gradient reaches {without[0]}"
    return bool(x.grad is not None and x.grad.abs().sum() > 0) or "no gradient reaches the picture"


# 5.5 losses

LOGITS = [(torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-3.0, 0.0, 1.0])), (torch.tensor([1.5]), torch.tensor([-1.5]))]


@EXERCISES["5.5"].case("the discriminator's loss, by plain loops, also for batches of unequal size")
def _(discriminator_loss, generator_loss):
    for real, fake in [*LOGITS, (3 * torch.randn(40), 3 * torch.randn(17))]:
        expected = sum(max(0, 1 - s) for s in real.tolist()) / len(real)
        expected += sum(max(0, 1 + s) for s in fake.tolist()) / len(fake)
        if not math.isclose(got := float(discriminator_loss(real, fake)), expected, rel_tol=1e-4, abs_tol=1e-6):
            return f"{got:.4f}, not {expected:.4f}"
    return True


def true_discriminator_loss(real_logits, fake_logits):
    return (1 - real_logits).clamp(min=0).mean() + (1 + fake_logits).clamp(min=0).mean()


def logits_drawn(real, fake):
    return {"real_logits": 3 * torch.randn(real), "fake_logits": 3 * torch.randn(fake)}


@EXERCISES["5.5"].case("its value, dtype and both gradients, for one picture and many, in float32 and float64")
def _(discriminator_loss, generator_loss):
    sizes = [{"real": 9, "fake": 6}, {"real": 1, "fake": 1}]
    return everywhere(discriminator_loss, true_discriminator_loss, logits_drawn, sizes, gradients=True)


@EXERCISES["5.5"].case("the generator's loss, its dtype, and the gradient that it gives")
def _(discriminator_loss, generator_loss):
    def drawn(n):
        return {"fake_logits": 3 * torch.randn(n)}

    sizes = [{"n": 7}, {"n": 1}]
    return everywhere(generator_loss, lambda logits: -logits.mean(), drawn, sizes, gradients=True)


# 5.6 the training step


class TinyGenerator(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.layer = nn.Embedding(3, 2), nn.Linear(5, 12)

    def forward(self, z, y):
        return self.layer(torch.cat([z, self.embed(y)], 1)).tanh().unflatten(1, (3, 2, 2))


class TinyDiscriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.layer, self.last = nn.Embedding(3, 4), nn.Linear(12, 4), nn.Linear(4, 1)

    def forward(self, x, y):
        features = self.layer(x.flatten(1)).tanh()
        return self.last(features)[:, 0] + (features * self.embed(y)).sum(1)


def moved(network, loss, rate):
    """Its weights after one step of plain gradient descent, and their gradients."""
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    return [w.detach() - rate * g for w, g in zip(network.parameters(), gradients, strict=True)], gradients


def one_step(train_step):
    """A learner's step on tiny networks, and what it should have done: weights, gradients and losses of both."""
    G, D = TinyGenerator(), TinyDiscriminator()
    real, y, z = torch.rand(6, 3, 2, 2), torch.randint(3, (6,)), torch.randn(6, 3)
    fake = G(z, y)
    g_loss = -D(fake, y).mean()
    d_loss = F.relu(1 - D(real, y)).mean() + F.relu(1 + D(fake.detach(), y)).mean()
    expected = moved(G, g_loss, 0.5), moved(D, d_loss, 0.1)
    optimizers = torch.optim.SGD(G.parameters(), 0.5), torch.optim.SGD(D.parameters(), 0.1)
    for network in (G, D):  # gradients of an earlier step lie about, as they do in a real run
        for weight in network.parameters():
            weight.grad = torch.ones_like(weight)
    before = copy.deepcopy((G, D))
    losses = train_step(G, D, *optimizers, real, y, z)
    return (G, D), before, expected, losses, (g_loss.item(), d_loss.item())


def explained(case):
    """The case, with a word for the error of whoever forgets to cut the fake pictures off."""

    def told(train_step):
        try:
            return case(train_step)
        except RuntimeError as error:
            if "second time" not in str(error):
                raise
            return "a backward runs into a graph that an earlier one has used up: where must the judge's gradient end?"

    return told


def same(weights, expected):
    return all(torch.allclose(w, e, atol=1e-5) for w, e in zip(weights, expected, strict=True))


@EXERCISES["5.6"].case("the generator's weights move down its own loss, and only that")
@explained
def _(train_step):
    (G, _), (old, _), ((weights, _), _), _, _ = one_step(train_step)
    if same(G.parameters(), list(old.parameters())):
        return "they did not move"
    return same(G.parameters(), weights) or "they went elsewhere: is its turn the first, before the judge has moved?"


@EXERCISES["5.6"].case("the discriminator's weights move down its own loss, and only that")
@explained
def _(train_step):
    (_, D), (_, old), (_, (weights, _)), _, _ = one_step(train_step)
    if same(D.parameters(), list(old.parameters())):
        return "they did not move"
    return same(D.parameters(), weights) or (
        "they went elsewhere: by old gradients, by the generator's, or by fakes that were drawn anew, perhaps"
    )


@EXERCISES["5.6"].case("no gradient of the discriminator's loss reaches the generator")
@explained
def _(train_step):
    (G, _), _, ((_, gradients), _), _, _ = one_step(train_step)
    for weight, expected in zip(G.parameters(), gradients, strict=True):
        if weight.grad is not None and weight.grad.any() and not torch.allclose(weight.grad, expected, atol=1e-5):
            return "the generator holds a gradient that is not of its own loss"
    return all(weight.requires_grad for weight in G.parameters()) or "the generator can no longer learn"


@EXERCISES["5.6"].case("a second step is as good as the first, and both losses come back without their graph")
@explained
def _(train_step):
    G, D = TinyGenerator(), TinyDiscriminator()
    optimizers = torch.optim.SGD(G.parameters(), 0.5), torch.optim.SGD(D.parameters(), 0.1)
    for _ in range(2):
        train_step(G, D, *optimizers, torch.rand(6, 3, 2, 2), torch.arange(6) % 3, torch.randn(6, 3))
    if not all(weight.requires_grad for network in (G, D) for weight in network.parameters()):
        return "a network was left frozen"
    _, _, _, losses, expected = one_step(train_step)
    if len(losses) != 2 or any(getattr(loss, "requires_grad", False) for loss in losses):
        return "return (generator's loss, discriminator's loss), each .item() or .detach()"
    near = all(math.isclose(float(a), b, rel_tol=1e-3, abs_tol=1e-5) for a, b in zip(losses, expected, strict=True))
    return near or f"they are {[round(float(x), 3) for x in losses]}, not {[round(x, 3) for x in expected]}"


class NoisyGenerator(TinyGenerator):
    """It paints other pictures each time that it is asked."""

    def forward(self, z, y):
        return F.dropout(super().forward(z, y), 0.3)


def true_step(G, D, g_optimizer, d_optimizer, real, y, z):
    fake = G(z, y)
    g_loss = -D(fake, y).mean()
    gradients = torch.autograd.grad(g_loss, list(G.parameters()))
    for weight, gradient in zip(G.parameters(), gradients, strict=True):
        weight.grad = gradient
    g_optimizer.step()
    d_optimizer.zero_grad()
    d_loss = true_discriminator_loss(D(real, y), D(fake.detach(), y))
    d_loss.backward()
    d_optimizer.step()
    return g_loss.item(), d_loss.item()


@EXERCISES["5.6"].case("three steps with other optimizers, from one picture to seven, on one drawing of the fakes each")
@explained
def _(train_step):
    kinds = [(torch.optim.SGD, 0.3, 0.05), (torch.optim.Adam, 0.01, 0.02)]
    for make, *rates in kinds:
        mine = NoisyGenerator(), TinyDiscriminator()
        both = mine, copy.deepcopy(mine)
        optimizers = [[make(n.parameters(), r) for n, r in zip(pair, rates, strict=True)] for pair in both]
        for n in (7, 1, 4):
            batch = torch.rand(n, 3, 2, 2), torch.randint(3, (n,)), torch.randn(n, 3)
            losses = []
            for step, networks, two in zip((true_step, train_step), reversed(both), reversed(optimizers), strict=True):
                torch.manual_seed(n)
                losses.append([torch.as_tensor(loss).item() for loss in step(*networks, *two, *batch)])
            if not all(math.isclose(a, b, rel_tol=1e-3, abs_tol=1e-5) for a, b in zip(*losses, strict=True)):
                return f"a batch of {n}: the losses are {losses[1]}, not {losses[0]}"
            for name, one, other in zip(("generator", "discriminator"), *both, strict=True):
                if not same(one.parameters(), list(other.parameters())):
                    return f"with {make.__name__}, a batch of {n}: the {name}'s weights go elsewhere"
    return True


# 5.7 sampling


class Telltale(nn.Module):
    """Paints its code's first number and its class, and keeps note of how it was called."""

    def __init__(self):
        super().__init__()
        self.weight, self.modes, self.drop = nn.Parameter(torch.ones(1)), [], nn.Dropout(0.5)

    def forward(self, z, y):
        self.modes.append((self.training, torch.is_grad_enabled()))
        return self.drop(self.weight * (10 * z[:, 0] + y))[:, None, None, None].expand(-1, 1, 2, 3)


@EXERCISES["5.7"].case("row i is code i, column j is class j")
def _(sample_grid):
    grid = sample_grid(Telltale(), torch.arange(1.0, 4.0)[:, None].repeat(1, 2), 5)
    if tuple(grid.shape) != (3, 5, 1, 2, 3):
        return f"the shape is {tuple(grid.shape)}, not (3, 5, 1, 2, 3)"
    expected = 10 * torch.arange(1.0, 4.0)[:, None] + torch.arange(5.0)
    for got, row in zip(grid[..., 0, 0, 0], expected, strict=True):
        if not torch.equal(got, row):
            return f"where a picture says 10 x code + class, a row has {got.tolist()}, not {row.tolist()}"
    return True


def true_grid(generator, z, n_classes):
    numbers = 10 * z[:, :1] + torch.arange(n_classes)
    return numbers[..., None, None, None].expand(-1, -1, 1, 2, 3)


@EXERCISES["5.7"].case("other numbers of codes and classes, one of each too, in the codes' dtype")
def _(sample_grid):
    def drawn(codes, n_classes):
        return {"generator": Telltale(), "z": torch.randn(codes, 3), "n_classes": n_classes}

    sizes = [
        {"codes": 4, "n_classes": 2},
        {"codes": 1, "n_classes": 3},
        {"codes": 2, "n_classes": 1},
        {"codes": 1, "n_classes": 9},
    ]
    return everywhere(sample_grid, true_grid, drawn, sizes)


@EXERCISES["5.7"].case("evaluation mode, no gradient, and the mode from before restored")
def _(sample_grid):
    for mode in (True, False):
        network = Telltale().train(mode)
        grid = sample_grid(network, torch.randn(2, 3), 4)
        if any(training for training, _ in network.modes):
            return "the generator was in training mode when it drew"
        if grid.requires_grad:
            return "the pictures carry a graph"
        if network.training != mode:
            return f"it was in {'training' if mode else 'evaluation'} mode before, and is not any more"
    return True


# 5.8 the walk


def true_walk(a, b, steps):
    angle = math.acos(float(a @ b / (a.norm() * b.norm())))
    points = []
    for k in range(steps):
        t = k / (steps - 1)
        points.append((math.sin((1 - t) * angle) * a + math.sin(t * angle) * b) / math.sin(angle))
    return torch.stack(points)


@EXERCISES["5.8"].case("it begins at a, ends at b, and follows the formula")
def _(walk):
    for size, steps in ((100, 7), (3, 2), (512, 11)):
        a, b = torch.randn(size), torch.randn(size)
        got = walk(a, b, steps)
        if tuple(got.shape) != (steps, size):
            return f"the shape is {tuple(got.shape)}, not {(steps, size)}"
        for k, point in enumerate(true_walk(a, b, steps)):
            if not torch.allclose(got[k].double(), point.double(), atol=1e-3):
                return f"code {k} of {steps} lies {float((got[k] - point).norm()):.2g} away from the arc"
    return True


@EXERCISES["5.8"].case("codes of any length and any dtype: the walk has the codes' own")
def _(walk):
    def drawn(d, steps, length=1.0):
        return {"a": length * torch.randn(d), "b": torch.randn(d), "steps": steps}

    return everywhere(walk, true_walk, drawn, [{"d": 20, "steps": 5}, {"d": 8, "steps": 4, "length": 30.0}])


@EXERCISES["5.8"].case("codes that point the same way, or opposite ways, give no NaN, and still lead from a to b")
def _(walk):
    code = torch.randn(50)
    pairs = [(code, code), (code, 3 * code), (code, code + 1e-6), (code, -2 * code)]
    for a, b in [*pairs, (torch.tensor([2.0]), torch.tensor([3.0]))]:
        got = walk(a, b, 5)
        if tuple(got.shape) != (5, len(a)):
            return f"the shape is {tuple(got.shape)}, not {(5, len(a))}"
        if not torch.isfinite(got).all():
            return "there is a NaN"
        if (verdict := close(got[[0, -1]], torch.stack([a, b]), 1e-3)) is not True:
            return f"the ends are not a and b: {verdict}"
        if a @ b > 0 and not torch.allclose(got[2].double(), ((a + b) / 2).double(), atol=1e-2):
            return "the middle is not half way"
    return True


# 5.9 augmentation


def augmented(x, got):
    """Whether each picture is mirrored, and what was added to it: two tensors (n,); or a text that says what is off."""
    if not isinstance(got, torch.Tensor) or got.shape != x.shape:
        return f"pictures of shape {tuple(x.shape)} became {tuple(got.shape) if hasattr(got, 'shape') else type(got)}"
    if got.dtype != x.dtype:
        return f"pictures of {x.dtype} became {got.dtype}"
    ways = [got - x, got - x.flip(3)]
    uneven = torch.stack([(way - way.mean((1, 2, 3), keepdim=True)).abs().amax((1, 2, 3)) for way in ways])
    if uneven.amin(0).max() > 1e-4:
        return "a picture is neither itself nor its mirror image with one number added"
    mirrored = uneven[1] < uneven[0]
    return mirrored, torch.where(mirrored, ways[1].mean((1, 2, 3)), ways[0].mean((1, 2, 3)))


@EXERCISES["5.9"].case("augment mirrors a picture or not, and adds one number to it, in the pictures' shape and dtype")
def _(augment, Augmented):
    for shape, dtype in (((6, 3, 8, 8), torch.float32), ((1, 1, 2, 5), torch.float64), ((9, 2, 5, 4), torch.float32)):
        x = torch.randn(shape, dtype=dtype)
        if isinstance(verdict := augmented(x, augment(x)), str):
            return verdict
    return True


@EXERCISES["5.9"].case("half of the pictures are mirrored, the numbers fill -0.5 to 0.5, and each has its own")
def _(augment, Augmented):
    x = torch.randn(200, 1, 3, 4)
    draws = [augmented(x, augment(x)) for _ in range(2)]
    for verdict in draws:
        if isinstance(verdict, str):
            return verdict
    for mirrored, added in draws:
        if not 0.35 < mirrored.double().mean() < 0.65:
            return f"of 200 pictures, {int(mirrored.sum())} were mirrored"
        if added.abs().max() > 0.5001:
            return f"to one picture {added.abs().max():.2f} was added"
        if added.std() < 1e-3:
            return "all pictures get the same number"
        if not 0.24 < added.std() < 0.34 or added.mean().abs() > 0.1:
            return f"the numbers have the mean {added.mean():.2f} and the deviation {added.std():.2f}"
        if abs(float(torch.corrcoef(torch.stack([mirrored.double(), added.double()]))[0, 1])) > 0.3:
            return "whether a picture is mirrored can be told from the number that is added"
    return not torch.equal(draws[0][1], draws[1][1]) or "a second call draws the same"


@EXERCISES["5.9"].case("augment draws from the generator, if one is given")
def _(augment, Augmented):
    x = torch.randn(8, 1, 2, 3)
    return follows_generator(lambda generator: augment(x, generator))


@EXERCISES["5.9"].case("a gradient flows through augment to every pixel")
def _(augment, Augmented):
    x, weight = torch.randn(20, 2, 3, 4, requires_grad=True), torch.randn(20, 2, 3, 4)
    got = augment(x)
    if not got.requires_grad:
        return "no gradient flows: what comes out has no history"
    (got * weight).sum().backward()
    if isinstance(verdict := augmented(x.detach(), got.detach()), str):
        return verdict
    return close(x.grad, torch.where(verdict[0][:, None, None, None], weight.flip(3), weight))


class Witness(nn.Module):
    """A discriminator that keeps what it is shown."""

    def __init__(self):
        super().__init__()
        self.weight, self.shown = nn.Parameter(torch.tensor(2.0)), []

    def forward(self, x, y):
        self.shown.append((x, y))
        return self.weight * x.mean((1, 2, 3)) * (1 + y)


@EXERCISES["5.9"].case("Augmented shows its discriminator augmented pictures and the same y, and gives its logits")
def _(augment, Augmented):
    witness = Witness()
    network = Augmented(witness)
    if not isinstance(network, nn.Module):
        return f"it is a {type(network).__name__}, not an nn.Module"
    if not any(weight is witness.weight for weight in network.parameters()):
        return "the discriminator's weights are not among its parameters"
    for turn, (n, dtype) in enumerate(((1, torch.float64), (30, torch.float32))):
        x, y = torch.randn(n, 1, 3, 4, dtype=dtype, requires_grad=True), (torch.arange(n) + turn) % 3
        logits = network(x, y)
        if not witness.shown:
            return "the discriminator was not asked"
        seen, condition = witness.shown[-1]
        if isinstance(verdict := augmented(x.detach(), seen.detach()), str):
            return f"the discriminator is shown something else: {verdict}"
        if verdict[1].abs().max() < 1e-3:
            return "the discriminator is shown the pictures as they are"
        if not torch.equal(condition, y):
            return "the discriminator is asked under another y"
        if (verdict := close(logits, 2 * seen.mean((1, 2, 3)) * (1 + y))) is not True:
            return f"its logits are not the discriminator's: {verdict}"
        if logits.dtype != dtype:
            return f"pictures of {dtype} gave logits of {logits.dtype}"
    if len(witness.shown) != 2:
        return f"the discriminator was asked {len(witness.shown)} times in two calls"
    logits.sum().backward()
    return bool(x.grad is not None and x.grad.abs().min() > 0) or "no gradient reaches the pictures"


# 5.10 the moving average


def averaged(update_average, decays, dtype=torch.float32):
    """A learner's average of a small network after some steps, and what it should be; or a text."""
    make = lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).to(dtype)  # noqa: E731
    average, network = make().requires_grad_(False), make()
    objects = list(average.parameters())
    expected = [x.clone() for x in average.state_dict().values()]
    for decay in decays:
        network(torch.randn(5, 3, dtype=dtype))  # moves the statistics of batch normalisation
        with torch.no_grad():
            for weight in network.parameters():
                weight.add_(torch.randn_like(weight))
        before = copy.deepcopy(network.state_dict())
        if update_average(average, network, decay) is not None:
            return "it returns something; it should change `average` and return None"
        if not all(map(torch.equal, before.values(), network.state_dict().values())):
            return "it changes the network"
        whole = lambda x: not x.is_floating_point()  # noqa: E731
        new = list(network.state_dict().values())
        expected = [n if whole(n) else decay * e + (1 - decay) * n for e, n in zip(expected, new, strict=True)]
        expected = [x.detach().clone() for x in expected]
    if any(a is not b for a, b in zip(objects, average.parameters(), strict=True)):
        return "the average has new parameters; change the tensors themselves"
    if any(x.requires_grad or x.grad_fn is not None for x in average.state_dict(keep_vars=True).values()):
        return "the average carries a graph"
    return average.state_dict(), expected


@EXERCISES["5.10"].case("weights and the statistics of batch normalisation move by the decay; whole numbers are copied")
def _(update_average):
    for decays, dtype in (((0.9,), torch.float32), ((0.5, 0.99, 0.7), torch.float64), ((0.995,), torch.float32)):
        if isinstance(verdict := averaged(update_average, decays, dtype), str):
            return verdict
        for (name, got), expected in zip(verdict[0].items(), *verdict[1:], strict=True):
            if got.dtype != expected.dtype:
                return f"{name} became {got.dtype}"
            if (wrong := close(got, expected, 1e-5)) is not True:
                return f"{name}, after {len(decays)} updates: {wrong}"
    return True


@EXERCISES["5.10"].case("by hand: 1 in the average, 3 in the network, decay 0.9: 1.2. Decay 0 copies, decay 1 keeps")
def _(update_average):
    for decay, expected in ((0.9, 1.2), (0.0, 3.0), (1.0, 1.0)):
        average, network = nn.Linear(1, 1), nn.Linear(1, 1)
        for one, value in ((average, 1.0), (network, 3.0)):
            for weight in one.parameters():
                nn.init.constant_(weight, value)
        update_average(average, network, decay)
        if abs(average.weight.item() - expected) > 1e-5:
            return f"with decay {decay} it is {average.weight.item():.4g}, not {expected}"
        if not all(weight.requires_grad and weight.is_leaf for weight in average.parameters()):
            return "the average's weights are no longer free leaves"
    return True


# 5.11 the Frechet distance


def true_frechet(a, b):
    """By singular values: the trace of the root of A B is the sum of those of a b^T, both centred."""
    a, b = a.double(), b.double()
    one, other = ((x - x.mean(0)) / math.sqrt(len(x) - 1) for x in (a, b))
    mixed = torch.linalg.svdvals(one @ other.mT).sum()
    apart = (a.mean(0) - b.mean(0)).square().sum()
    return max(0.0, (apart + one.square().sum() + other.square().sum() - 2 * mixed).item())


def clouds(n, m, d):
    return {"a": torch.randn(n, d) @ torch.randn(d, d), "b": 0.5 + torch.randn(m, d) @ torch.randn(d, d)}


@EXERCISES["5.11"].case("by hand: values 0 and 2 against 4 and 6 give 16; the same set twice gives 0")
def _(frechet_distance):
    got = frechet_distance(torch.tensor([[0.0], [2.0]]), torch.tensor([[4.0], [6.0]]))
    if not isinstance(got, float):
        return f"it returned {type(got).__name__}, not a float"
    if abs(got - 16) > 1e-4:
        return f"it is {got:.4g}, not 16"
    for n, d in ((9, 4), (5, 12)):
        x = torch.randn(n, d)
        if not 0 <= (nothing := frechet_distance(x, x.clone())) < 1e-3:
            return f"the same set twice gives {nothing:.3g}"
    return True


@EXERCISES["5.11"].case("sets of any two sizes, also fewer pictures than features, in either dtype")
def _(frechet_distance):
    sizes = [
        {"n": 40, "m": 40, "d": 5},
        {"n": 30, "m": 12, "d": 4},
        {"n": 6, "m": 9, "d": 15},
        {"n": 2, "m": 3, "d": 1},
    ]
    return everywhere(frechet_distance, true_frechet, clouds, sizes, tolerance=1e-3)


@EXERCISES["5.11"].case("features that are far from zero are computed in double precision")
def _(frechet_distance):
    verdicts = []
    for n in (50, 47, 61, 38):
        a, b = (torch.randint(-16, 16, (n, 3)) / 8 + 2.0**18 for _ in range(2))
        verdicts.append(close(torch.tensor(frechet_distance(a, b)), torch.tensor(true_frechet(a, b)), 1e-3))
    return first_wrong(*verdicts)


@EXERCISES["5.11"].case("features of unequal width, and fewer than two pictures, are refused with a ValueError")
def _(frechet_distance):
    x = torch.randn(5, 3)
    cases = {"3 and 4 features": (x, torch.randn(5, 4)), "one picture": (x, x[:1]), "one, first": (x[:1], x)}
    return refuses_each(frechet_distance, cases)


# 5.12 copies


def true_copy_test(made, training):
    distances, ratios = [], []
    for one in made:
        first, second, *_ = sorted(float((one - other).double().norm()) for other in training)
        distances.append(first)
        ratios.append(first / second if second else 1.0)
    return torch.tensor(distances, dtype=made.dtype), torch.tensor(ratios, dtype=made.dtype)


@EXERCISES["5.12"].case("by hand: (0, 0) against (3, 4), (0, 10) and (20, 0) gives 5 and 0.5")
def _(copy_test):
    training = torch.tensor([[0.0, 10.0], [3.0, 4.0], [20.0, 0.0]])
    got = copy_test(torch.zeros(1, 2), training)
    if not isinstance(got, tuple | list) or len(got) != 2:
        return "return two tensors: the distances and the ratios"
    return first_wrong(*(close(g, [e]) for g, e in zip(got, (5.0, 0.5), strict=True)))


@EXERCISES["5.12"].case("many drawings or one, many training pictures or two, in either dtype")
def _(copy_test):
    def drawn(n, m, d):
        return {"made": 3 * torch.randn(n, d), "training": torch.randn(m, d)}

    sizes = [{"n": 6, "m": 9, "d": 4}, {"n": 1, "m": 2, "d": 3}, {"n": 7, "m": 2, "d": 1}, {"n": 3, "m": 8, "d": 20}]
    return everywhere(copy_test, true_copy_test, drawn, sizes)


@EXERCISES["5.12"].case("a copy has distance and ratio 0; a copy of a picture that is there twice has ratio 1, not NaN")
def _(copy_test):
    training = torch.tensor([[1.0, 2.0], [5.0, 5.0], [5.0, 5.0], [9.0, 0.0]])
    distance, ratio = copy_test(training[:2].clone(), training)
    verdicts = close(distance, torch.zeros(2), 1e-3), close(ratio, torch.tensor([0.0, 1.0]), 1e-3)
    return first_wrong(*verdicts)
