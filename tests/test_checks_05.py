"""Assignment 05's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import argparse
import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from easydict import EasyDict
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, Subset

from helpers import checks
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.definitions import definitions

right = definitions("solutions/05_conditional_gan.ipynb")
config, parser, here = right.make_config, right.make_parser, right.notebook_config
Pictures, loader, G, D = right.Pictures, right.make_loader, right.Generator, right.Discriminator
d_loss, g_loss, step, sample, walk = (
    getattr(right, n) for n in ("discriminator_loss", "generator_loss", "train_step", "sample_grid", "walk")
)


# 5.1


def other_parser(class_list):
    made = argparse.ArgumentParser()
    for name in ("n_epochs", "batch_size", "n_cpu", "latent_dim", "n_classes", "img_size", "channels"):
        made.add_argument("--" + name, type=int)
    for name in ("lr", "b1", "b2"):
        made.add_argument("--" + name, type=float)
    made.add_argument("--sample_interval", type=int)
    made.set_defaults(**config(class_list))
    return made


def text_only(class_list):
    made = argparse.ArgumentParser()
    for name, value in config(class_list).items():
        made.add_argument("--" + name, default=value)
    return made


def swallows(made):
    return EasyDict(vars(made.parse_known_args()[0]))


def read_off(parser):
    """Without parse_args at all."""
    return EasyDict({action.dest: action.default for action in parser._actions if action.dest != "help"})


def config_of_parser(class_list):
    return EasyDict(vars(parser(class_list).parse_args("".split())))


def with_floats(class_list):
    return EasyDict(config(class_list), n_epochs=40.0)


# 5.2


class ListPictures(torch.utils.data.Dataset):
    def __init__(self, pictures, labels, class_list):
        if len(pictures) != len(labels) or not set(labels.tolist()) <= set(range(len(class_list))):
            raise ValueError("labels")
        self.items = [((p.double() / 255 * 2 - 1).float(), int(y)) for p, y in zip(pictures, labels, strict=True)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class DoublePictures(Pictures):
    def __getitem__(self, i):
        return self.pictures[i].double() / 127.5 - 1, int(self.labels[i])


class TensorPictures(torch.utils.data.TensorDataset):
    """Converted once, in __init__."""

    def __init__(self, pictures, labels, class_list):
        if labels.numel() != pictures.shape[0]:
            raise ValueError("as many labels as pictures")
        if any(y not in range(len(class_list)) for y in labels.tolist()):
            raise ValueError("a label that is no class")
        super().__init__(torch.lerp(torch.tensor(-1.0), torch.tensor(1.0), pictures / 255), labels)


class SqueezedPictures(Pictures):
    def __getitem__(self, i):
        return tuple(x.squeeze() for x in super().__getitem__(i))


class ReadOnce(Pictures):
    """It changes what it holds, so that a second look shows something else."""

    def __init__(self, pictures, labels, class_list):
        super().__init__(pictures.float(), labels, class_list)

    def __getitem__(self, i):
        return self.pictures[i].div_(127.5).sub_(1), self.labels[i]


class ChangesPictures(Pictures):
    def __init__(self, pictures, labels, class_list):
        super().__init__(pictures, labels.clamp_(max=len(class_list) - 1), class_list)


class ZeroToOne(Pictures):
    def __getitem__(self, i):
        return self.pictures[i] / 255, self.labels[i]


class NextLabel(Pictures):
    def __getitem__(self, i):
        return self.pictures[i] / 127.5 - 1, self.labels[(i + 1) % len(self)]


class Trusting(Pictures):
    def __init__(self, pictures, labels, class_list):
        self.pictures, self.labels = pictures, labels


def loader_with(**changes):
    def make(dataset, config):
        usual = {"batch_size": config.batch_size, "shuffle": True, "num_workers": config.n_cpu, "drop_last": True}
        return DataLoader(dataset, **usual | changes)

    return make


def sampler_loader(dataset, config):
    batches = BatchSampler(RandomSampler(dataset), config.batch_size, drop_last=True)
    return DataLoader(dataset, batch_sampler=batches, num_workers=config.n_cpu)


def one_order(dataset, config):
    """Shuffled once, and the same in every epoch."""
    order = Subset(dataset, torch.randperm(len(dataset)).tolist())
    return DataLoader(order, config.batch_size, num_workers=config.n_cpu, drop_last=True)


def with_repeats(dataset, config):
    draw = RandomSampler(dataset, replacement=True)
    return DataLoader(dataset, config.batch_size, sampler=draw, num_workers=config.n_cpu, drop_last=True)


# 5.3


class OtherGenerator(nn.Module):
    """Class as one-hot numbers, transposed convolutions; no embedding, no upsampling."""

    def __init__(self, config):
        super().__init__()
        sizes = {16: 2, 32: 3, 64: 4, 128: 5}
        if config.img_size not in sizes:
            raise ValueError("size")
        self.n, layers = config.n_classes, [nn.ConvTranspose2d(config.latent_dim + config.n_classes, 32, 4)]
        for _ in range(sizes[config.img_size] - 1):
            layers += [nn.BatchNorm2d(32), nn.ReLU(), nn.ConvTranspose2d(32, 32, 4, 2, 1)]
        self.network = nn.Sequential(*layers, nn.ReLU(), nn.ConvTranspose2d(32, config.channels, 4, 2, 1), nn.Tanh())

    def forward(self, z, y):
        if len(z) == 1 and self.training:
            raise ValueError("one")
        if not 0 <= y.min() <= y.max() < self.n:
            raise ValueError("class")
        return self.network(torch.cat([z, F.one_hot(y, self.n)], 1)[:, :, None, None])


class AllSizes(OtherGenerator):
    """It makes any size: drawn larger, and then scaled."""

    def __init__(self, config):
        super().__init__(EasyDict(config, img_size=64))
        self.size = config.img_size

    def forward(self, z, y):
        return F.interpolate(super().forward(z, y), self.size, mode="bilinear")


class Lookup(nn.Module):
    """Without convolutions or batch normalisation."""

    def __init__(self, config):
        super().__init__()
        if config.img_size not in (32, 64):
            raise ValueError("32 or 64")
        self.classes = nn.Parameter(torch.randn(config.n_classes, 40))
        shape = config.channels, config.img_size, config.img_size
        self.layers = nn.Sequential(nn.Linear(config.latent_dim, 40), nn.Tanh(), nn.Linear(40, math.prod(shape)))
        self.shape = shape

    def forward(self, z, y):
        if not all(0 <= i < len(self.classes) for i in y.tolist()):
            raise ValueError("no such class")
        if len(z) < 2 and self.training:
            raise ValueError("a batch of one")
        features = self.layers[:2](z) + self.classes[y]
        return (2 * self.layers[2](features).sigmoid() - 1).view(-1, *self.shape)


class OffByOne(G):
    """It lets in one class too many."""

    def forward(self, z, y):
        if y.max() > self.embed.num_embeddings:
            raise ValueError("class")
        return super().forward(z, y.clamp(max=self.embed.num_embeddings - 1))


class AlwaysFloat(G):
    def forward(self, z, y):
        return super().forward(z, y).float()


class NeverOne(G):
    """It refuses a batch of one in evaluation mode, too."""

    def forward(self, z, y):
        if len(z) == 1:
            raise ValueError("one")
        return super().forward(z, y)


class Deaf(G):
    def forward(self, z, y):
        return super().forward(z, 0 * y)


class OneForAll(G):
    def forward(self, z, y):
        return super().forward(0 * z, y)


class NoTanh(OtherGenerator):
    def __init__(self, config):
        super().__init__(config)
        self.network = self.network[:-1]


class Cut(G):
    def forward(self, z, y):
        return super().forward(z.detach(), y)


class AnyBatch(G):
    def forward(self, z, y):
        if len(z) == 1:
            return super().forward(z.repeat(2, 1), y.repeat(2))[:1]
        return super().forward(z, y)


class AnySize(OtherGenerator):
    def __init__(self, config):
        super().__init__(EasyDict(config, img_size={100: 128, 48: 64}.get(config.img_size, config.img_size)))


# 5.4


class OtherDiscriminator(nn.Module):
    """The class as extra channels, without spectral normalisation."""

    def __init__(self, config, last=()):
        super().__init__()
        self.n = config.n_classes
        layers = [nn.Conv2d(config.channels + self.n, 16, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(16, 32, 4, 2, 1)]
        self.network = nn.Sequential(*layers, nn.LeakyReLU(0.2), nn.Flatten(), nn.LazyLinear(1), *last)
        self(torch.zeros(2, config.channels, config.img_size, config.img_size), torch.zeros(2, dtype=torch.long))

    def forward(self, x, y):
        planes = F.one_hot(y, self.n)[:, :, None, None].float().expand(-1, -1, *x.shape[2:])
        return self.network(torch.cat([x, planes], 1))[:, 0]


class Squeezed(OtherDiscriminator):
    def __init__(self, config):
        super().__init__(config, [nn.Sigmoid()])


class Ten(D):
    def forward(self, x, y):
        return 10 * super().forward(x, y).tanh()


class Softsign(OtherDiscriminator):
    def __init__(self, config):
        super().__init__(config, [nn.Softsign()])


class Layered(nn.Module):
    """A network whose first layers come with this normalisation, and with dropout."""

    def __init__(self, config, norm):
        super().__init__()
        layers, before = [], config.channels
        for width in (16, 32, 32):
            layers += [nn.Conv2d(before, width, 4, 2, 1), norm(width), nn.LeakyReLU(0.2), nn.Dropout(0.3)]
            before = width
        self.layers, self.last = nn.Sequential(*layers), nn.Linear(32, 1)
        self.embed = nn.Embedding(config.n_classes, 32)

    def forward(self, x, y):
        features = self.layers(x).mean((2, 3))
        return self.last(features).squeeze(1) + (features * self.embed(y)).sum(1)


class Grouped(Layered):
    def __init__(self, config):
        super().__init__(config, lambda width: nn.GroupNorm(4, width))


class InstanceNormed(Layered):
    def __init__(self, config):
        super().__init__(config, lambda width: nn.InstanceNorm2d(width, affine=True))


class BatchNormed(Layered):
    def __init__(self, config):
        super().__init__(config, nn.BatchNorm2d)


class TwoClasses(D):
    def forward(self, x, y):
        return super().forward(x, y.clamp(max=1))


class AllSqueezed(D):
    def forward(self, x, y):
        return super().forward(x, y).squeeze()


class BlindToClass(D):
    def forward(self, x, y):
        return super().forward(x, 0 * y)


class AddedClass(D):
    def forward(self, x, y):
        features = self.network(x).sum((2, 3))
        return self.real(features)[:, 0] + self.fits(y).sum(1)


class ColumnOfLogits(D):
    def forward(self, x, y):
        return super().forward(x, y)[:, None]


class Neighbours(D):
    def forward(self, x, y):
        logits = super().forward(x, y)
        return logits - logits.mean()


class CutOff(D):
    def forward(self, x, y):
        return super().forward(x.detach(), y)


# 5.5


def other_d_loss(real_logits, fake_logits):
    sums = (1 - real_logits).clamp(min=0).sum(), (1 + fake_logits).clamp(min=0).sum()
    return sums[0] / len(real_logits) + sums[1] / len(fake_logits)


def other_g_loss(fake_logits):
    return (-fake_logits).sum() / len(fake_logits)


def looped_d_loss(real_logits, fake_logits):
    total = sum(torch.relu(1 - s) for s in real_logits) / len(real_logits)
    return total + sum(torch.relu(1 + s) for s in fake_logits) / len(fake_logits)


def looped_g_loss(fake_logits):
    total = fake_logits.new_zeros(())
    for s in fake_logits:
        total = total - s
    return total / len(fake_logits)


def where_d_loss(real_logits, fake_logits):
    """In double precision, and back."""
    real, fake = real_logits.double(), fake_logits.double()
    loss = torch.where(real < 1, 1 - real, 0.0).mean() + torch.where(fake > -1, 1 + fake, 0.0).mean()
    return loss.to(real_logits.dtype)


def double_g_loss(fake_logits):
    return torch.einsum("n->", fake_logits.double()).neg().div(fake_logits.numel()).type_as(fake_logits)


def half_cut(real_logits, fake_logits):
    return F.relu(1 - real_logits).mean() + F.relu(1 + fake_logits.detach()).mean()


# 5.6


def step_with(detach=True, clear=True, moves=(True, True), after=False, swap=False):
    """The training step with one thing changed."""

    def train_step(G, D, g_opt, d_opt, real, y, z):
        fake = G(z, y)
        loss = -D(fake, y).mean()
        g_opt.zero_grad()
        loss.backward()
        if moves[0]:
            g_opt.step()
        if after:
            fake = G(z, y)  # by the new generator
        score = d_loss(D(real, y), D(fake.detach() if detach else G(z, y), y.roll(1) if swap else y))
        if clear:
            d_opt.zero_grad()
        score.backward()
        if moves[1]:
            d_opt.step()
        return loss.item(), score.item()

    return train_step


def by_hand(G, D, g_opt, d_opt, real, y, z):
    """Plain gradient descent, without the optimizers that it is given."""
    fake = G(z, y)
    loss = g_loss(D(fake, y))
    gradients = [torch.autograd.grad(loss, list(G.parameters()))]
    score = d_loss(D(real, y), D(fake.detach(), y))
    gradients.append(torch.autograd.grad(score, list(D.parameters())))
    with torch.no_grad():
        for network, some, optimizer in zip((G, D), gradients, (g_opt, d_opt), strict=True):
            for weight, gradient in zip(network.parameters(), some, strict=True):
                weight -= optimizer.param_groups[0]["lr"] * gradient
    return loss.item(), score.item()


def without_its_turn_left(G, D, g_opt, d_opt, real, y, z):
    """Right: the judge's weights take no gradient while the generator has its turn."""
    for weight in D.parameters():
        weight.requires_grad_(False)
    fake = G(z, y)
    loss = -D(fake, y).mean()
    g_opt.zero_grad(set_to_none=False)
    loss.backward()
    g_opt.step()
    for weight in D.parameters():
        weight.requires_grad_(True)
    d_opt.zero_grad()
    score = looped_d_loss(D(real, y), D(fake.detach(), y))
    score.backward()
    d_opt.step()
    return loss.detach().double(), score.detach().double()


def judge_left_in_evaluation(G, D, *others):
    D.eval()
    return step(G, D, *others)


def gradients_left_off(*arguments):
    losses = step(*arguments)
    torch.set_grad_enabled(False)
    return losses


def drawn_twice(G, D, g_opt, d_opt, real, y, z):
    """The judge sees other fakes than those by which the generator learned, though by the same weights."""
    later, fake = G(z, y).detach(), G(z, y)
    loss = g_loss(D(fake, y))
    g_opt.zero_grad()
    loss.backward()
    g_opt.step()
    score = d_loss(D(real, y), D(later, y))
    d_opt.zero_grad()
    score.backward()
    d_opt.step()
    return loss.item(), score.item()


def frozen_judge(G, D, g_opt, d_opt, real, y, z):
    """Another right way: gradients asked for by name."""
    fake = G(z, y)
    loss = g_loss(D(fake, y))
    for w, g in zip(G.parameters(), torch.autograd.grad(loss, list(G.parameters())), strict=True):
        w.grad = g
    g_opt.step()
    score = d_loss(*D(torch.cat([real, fake.detach()]), torch.cat([y, y])).chunk(2))
    for w, g in zip(D.parameters(), torch.autograd.grad(score, list(D.parameters())), strict=True):
        w.grad = g
    d_opt.step()
    return loss.item(), score.item()


def one_graph(G, D, g_opt, d_opt, real, y, z):
    """The fake pictures are not cut off."""
    fake = G(z, y)
    g_opt.zero_grad()
    g_loss(D(fake, y)).backward()
    g_opt.step()
    d_opt.zero_grad()
    d_loss(D(real, y), D(fake, y)).backward()
    d_opt.step()


def judge_first(G, D, g_opt, d_opt, real, y, z):
    fake = G(z, y)
    d_opt.zero_grad()
    score = d_loss(D(real, y), D(fake.detach(), y))
    score.backward()
    d_opt.step()
    g_opt.zero_grad()
    loss = g_loss(D(fake, y))
    loss.backward()
    g_opt.step()
    return loss.item(), score.item()


def left_frozen(G, D, g_opt, d_opt, real, y, z):
    losses = frozen_judge(G, D, g_opt, d_opt, real, y, z)
    G.requires_grad_(False)
    G.requires_grad_(True)
    next(iter(D.parameters())).requires_grad_(False)
    return losses


def with_graph(*arguments):
    losses = step(*arguments)
    return tuple(loss.clone().requires_grad_() for loss in losses)


# 5.7


def sample_by_rows(generator, z, n_classes):
    mode = generator.training
    with torch.inference_mode():
        rows = [generator.eval()(code.expand(n_classes, -1), torch.arange(n_classes)) for code in z]
    generator.train(mode)
    return torch.stack(rows)


def sample_turned(generator, z, n):
    return sample(generator, z, n).transpose(0, 1).reshape(len(z), n, *sample(generator, z, n).shape[2:])


def sample_swapped(generator, z, n):
    made = sample(generator, z, n).transpose(0, 1)
    return made.flatten(0, 1).unflatten(0, (len(z), n))


def sample_in_training(generator, z, n):
    with torch.no_grad():
        return generator(z.repeat_interleave(n, 0), torch.arange(n).repeat(len(z))).unflatten(0, (len(z), n))


def sample_and_forget(generator, z, n):
    generator.eval()
    return sample(generator, z, n)


def sample_with_graph(generator, z, n):
    mode = generator.training
    generator.eval()
    made = generator(z.repeat_interleave(n, 0), torch.arange(n).repeat(len(z))).unflatten(0, (len(z), n))
    generator.train(mode)
    return made


def sample_one_by_one(generator, z, n_classes):
    was = generator.training
    generator.train(False)
    with torch.no_grad():
        made = [[generator(code[None], torch.tensor([j]))[0] for j in range(n_classes)] for code in z]
    generator.train(was)
    return torch.stack([torch.stack(row) for row in made])


def sample_by_a_copy(generator, z, n_classes):
    """The generator itself stays out of it."""
    row, column = torch.meshgrid(torch.arange(len(z)), torch.arange(n_classes), indexing="ij")
    made = copy.deepcopy(generator).requires_grad_(False).eval()(z.detach()[row.flatten()], column.flatten())
    return made.view(len(z), n_classes, *made.shape[1:])


def sample_of_eight(generator, z, n_classes):
    return sample(generator, z, 8)[:, :n_classes]


def sample_float(generator, z, n_classes):
    return sample(generator, z, n_classes).float()


# 5.8


def walk_by_points(a, b, steps):
    points = []
    for t in torch.linspace(0, 1, steps):
        angle = torch.arccos(((a @ b) / (a.norm() * b.norm())).clamp(-1, 1))
        straight = angle < 1e-3
        points.append(
            torch.lerp(a, b, t)
            if straight
            else (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)
        )
    return torch.stack(points)


def walk_in_numpy(a, b, steps):
    x, y = a.double().numpy(), b.double().numpy()
    cosine = float(np.clip(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)), -1, 1))
    angle, rows = math.acos(cosine), []
    for t in np.linspace(0, 1, steps):
        if math.sin(angle) < 1e-3:
            rows.append((1 - t) * x + t * y)
        else:
            rows.append((math.sin((1 - t) * angle) * x + math.sin(t * angle) * y) / math.sin(angle))
    return torch.from_numpy(np.stack(rows)).to(a.dtype)


def walk_by_atan(a, b, steps):
    """In double precision, by a turn in the plane of both codes."""
    x, y, t = a.double(), b.double(), torch.arange(steps).double()[:, None] / (steps - 1)
    across = y / y.norm() - (x / x.norm()) * (x @ y) / (x.norm() * y.norm())
    omega = torch.atan2(across.norm(), (x @ y) / (x.norm() * y.norm()))
    if omega.sin() < 1e-4:
        return (x + t * (y - x)).to(a.dtype)
    return ((torch.sin(omega - t * omega) * x + torch.sin(t * omega) * y) / torch.sin(omega)).to(a.dtype)


def unit_walk(a, b, steps):
    return walk(F.normalize(a, dim=0), F.normalize(b, dim=0), steps)


def walk_in_double(a, b, steps):
    return walk(a.double(), b.double(), steps)


def straight(a, b, steps):
    return torch.lerp(a, b, torch.linspace(0, 1, steps)[:, None])


def hopeful(a, b, steps):
    t = torch.linspace(0, 1, steps)[:, None]
    angle = torch.acos(a @ b / (a.norm() * b.norm()))
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)


# 5.9


augment, Augmented = right.augment, right.Augmented


def augment_by_loop(x, generator=None):
    rows = []
    for one in x:
        if torch.rand((), generator=generator).item() < 0.5:
            one = torch.flip(one, [-1])
        rows.append(one + (torch.rand((), generator=generator).item() - 0.5))
    return torch.stack(rows)


def augment_by_signs(x, generator=None):
    """By a product with 0 and 1, and numbers made by uniform_."""
    mirrored = torch.randint(2, (len(x), 1, 1, 1), generator=generator).to(x.dtype)
    added = torch.empty(len(x), 1, 1, 1, dtype=x.dtype).uniform_(-0.5, 0.5, generator=generator)
    return mirrored * torch.fliplr(x.movedim(3, 1)).movedim(1, 3) + (1 - mirrored) * x + added


def augment_with(mirror=0.5, reach=0.5, dims=(3,), own=True, generator_used=True):
    def augment(x, generator=None):
        generator = generator if generator_used else None
        n = len(x) if own else 1
        mirrored = torch.rand(n, 1, 1, 1, generator=generator) < mirror
        added = 2 * reach * (torch.rand(n, 1, 1, 1, generator=generator, dtype=x.dtype) - 0.5)
        return torch.where(mirrored, x.flip(dims), x) + added

    return augment


def augment_each_pixel(x, generator=None):
    return augment(x, generator) + 0.1 * torch.rand(x.shape, generator=generator, dtype=x.dtype)


def augment_cut(x, generator=None):
    return augment(x.detach(), generator)


def augment_same_draw(x, generator=None):
    return augment(x, generator or torch.Generator().manual_seed(0))


def augment_one_number(x, generator=None):
    """The same number decides on the mirror and the brightness."""
    draw = torch.rand(len(x), 1, 1, 1, generator=generator, dtype=x.dtype)
    return torch.where(draw < 0.5, x.flip(3), x) + draw - 0.5


class KeepsModule(nn.Sequential):
    """Another way to hold the discriminator."""

    def __init__(self, discriminator):
        super().__init__(discriminator)

    def forward(self, x, y):
        return self[0](augment_by_loop(x), y)


class Functional(nn.Module):
    def __init__(self, discriminator):
        super().__init__()
        self.add_module("judge", discriminator)

    def forward(self, x, y):
        logits = self.judge(augment_by_signs(x), y)
        return logits


class Unregistered(nn.Module):
    def __init__(self, discriminator):
        super().__init__()
        self.held = [discriminator]

    def forward(self, x, y):
        return self.held[0](augment(x), y)


class Untouched(Augmented):
    def forward(self, x, y):
        return self.discriminator(x, y)


class CutAugmented(Augmented):
    def forward(self, x, y):
        return self.discriminator(augment(x).detach(), y)


class Doubled(Augmented):
    def forward(self, x, y):
        return (self.discriminator(augment(x), y) + self.discriminator(augment(x), y)) / 2


class Relabelled(Augmented):
    def forward(self, x, y):
        return self.discriminator(augment(x), 0 * y)


# 5.10


update_average = right.update_average


def average_by_lerp(average, network, decay):
    with torch.no_grad():
        for name, kept in average.state_dict().items():
            new = network.state_dict()[name]
            if kept.dtype.is_floating_point:
                kept.lerp_(new, 1 - decay)
            else:
                kept.fill_(new.item())


def average_by_parts(average, network, decay):
    for kept, new in zip(average.parameters(), network.parameters(), strict=True):
        kept.data = decay * kept.data + (1 - decay) * new.data
    for kept, new in zip(average.buffers(), network.buffers(), strict=True):
        kept.data.copy_(decay * kept + (1 - decay) * new if kept.is_floating_point() else new)


@torch.no_grad()
def average_by_loading(average, network, decay):
    old, new = average.state_dict(), network.state_dict()
    mixed = {k: decay * old[k] + (1 - decay) * new[k] if old[k].is_floating_point() else new[k] for k in old}
    average.load_state_dict(mixed)


def average_of_parameters(average, network, decay):
    with torch.no_grad():
        for kept, new in zip(average.parameters(), network.parameters(), strict=True):
            kept.lerp_(new, 1 - decay)


def average_turned(average, network, decay):
    update_average(average, network, 1 - decay)


def average_copied_buffers(average, network, decay):
    average_of_parameters(average, network, decay)
    for kept, new in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(new)


def average_of_the_network(average, network, decay):
    update_average(network, average, decay)


def average_without_counter(average, network, decay):
    with torch.no_grad():
        for kept, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(new, 1 - decay)


def average_returned(average, network, decay):
    update_average(average, network, decay)
    return average


# 5.11


frechet = right.frechet_distance


def frechet_by_svd(a, b):
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError("two tables of equal width")
    if len(a) < 2 or len(b) < 2:
        raise ValueError("two pictures at least")
    a, b = a.to(torch.float64), b.to(torch.float64)
    one, other = (a - a.mean(0)) / (len(a) - 1) ** 0.5, (b - b.mean(0)) / (len(b) - 1) ** 0.5
    mixed = torch.linalg.matrix_norm(one @ other.T, "nuc")
    return float(torch.relu(((a.mean(0) - b.mean(0)) ** 2).sum() + (one**2).sum() + (other**2).sum() - 2 * mixed))


def frechet_by_roots(a, b):
    """The root of A first: sqrt(A) B sqrt(A) is symmetric."""
    if a.shape[1] != b.shape[1] or len(a) < 2 or len(b) < 2:
        raise ValueError("unequal")
    a, b = a.double().numpy(), b.double().numpy()
    A, B = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    values, vectors = np.linalg.eigh(A)
    root = vectors @ np.diag(np.sqrt(values.clip(0))) @ vectors.T
    mixed = np.sqrt(np.linalg.eigvalsh(root @ B @ root).clip(0)).sum()
    return max(0.0, float(((a.mean(0) - b.mean(0)) ** 2).sum() + A.trace() + B.trace() - 2 * mixed))


def frechet_single(a, b):
    if a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError("unequal")
    A, B = (torch.cov(x.mT).reshape(x.shape[1], x.shape[1]) for x in (a, b))
    roots = torch.linalg.eigvals(A @ B).real.clamp(min=0).sqrt()
    return max(0.0, ((a.mean(0) - b.mean(0)).square().sum() + (A + B).trace() - 2 * roots.sum()).item())


def frechet_biased(a, b):
    if a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError("unequal")
    A, B = (torch.cov(x.double().mT, correction=0).reshape(x.shape[1], x.shape[1]) for x in (a, b))
    roots = torch.linalg.eigvals(A @ B).real.clamp(min=0).sqrt()
    return max(
        0.0, ((a.double().mean(0) - b.double().mean(0)).square().sum() + (A + B).trace() - 2 * roots.sum()).item()
    )


def frechet_of_diagonals(a, b):
    frechet(a, b)
    one, other = a.double().std(0), b.double().std(0)
    return float((a.double().mean(0) - b.double().mean(0)).square().sum() + (one - other).square().sum())


def true_or_nan(a, b):
    width = min(a.shape[1], b.shape[1])
    return frechet(a[:, :width], b[:, :width]) if min(len(a), len(b)) > 1 else float("nan")


# 5.12


copy_test = right.copy_test


def copies_by_cdist(made, training):
    distances = torch.cdist(made, training, compute_mode="donot_use_mm_for_euclid_dist").sort(dim=1).values
    ratio = distances[:, 0] / distances[:, 1]
    return distances[:, 0], torch.where(ratio.isnan(), torch.ones_like(ratio), ratio)


def copies_by_loops(made, training):
    distances, ratios = torch.zeros(len(made), dtype=made.dtype), torch.ones(len(made), dtype=made.dtype)
    for i, one in enumerate(made):
        first, second = (training - one).norm(dim=1).sort().values[:2]
        distances[i] = first
        if second > 0:
            ratios[i] = first / second
    return distances, ratios


def copies_in_numpy(made, training):
    x = np.sort(np.linalg.norm(made.numpy()[:, None] - training.numpy()[None], axis=2), axis=1)
    ratio = np.divide(x[:, 0], x[:, 1], out=np.ones_like(x[:, 0]), where=x[:, 1] > 0)
    return torch.from_numpy(x[:, 0]), torch.from_numpy(ratio)


def copies_squared(made, training):
    first, ratio = copy_test(made, training)
    return first**2, ratio**2


def copies_with_nan(made, training):
    first, second = torch.cdist(made, training).topk(2, largest=False).values.unbind(1)
    return first, first / second


def copies_farthest(made, training):
    distances = torch.cdist(made, training).sort(dim=1).values
    return distances[:, 0], distances[:, 0] / distances[:, -1].clamp(min=1e-9)


def copies_turned(made, training):
    first, ratio = copy_test(made, training)
    return ratio, first


def copies_among_drawings(made, training):
    return copy_test(made, torch.cat([made, training])) if len(made) > 1 else copy_test(made, training)


RIGHT = [
    ("5.9", [augment, Augmented]),
    ("5.9", [augment_by_loop, KeepsModule]),
    ("5.9", [augment_by_signs, Functional]),
    ("5.10", [update_average]),
    ("5.10", [average_by_lerp]),
    ("5.10", [average_by_parts]),
    ("5.10", [average_by_loading]),
    ("5.11", [frechet]),
    ("5.11", [frechet_by_svd]),
    ("5.11", [frechet_by_roots]),
    ("5.12", [copy_test]),
    ("5.12", [copies_by_cdist]),
    ("5.12", [copies_by_loops]),
    ("5.12", [copies_in_numpy]),
    ("5.1", [config, parser, here]),
    ("5.1", [lambda c: EasyDict(config(c)), other_parser, lambda p: EasyDict(p.parse_args([]).__dict__)]),
    ("5.2", [Pictures, loader]),
    ("5.1", [config, other_parser, read_off]),
    ("5.1", [config_of_parser, parser, lambda parser: EasyDict(parser.parse_known_args([])[0].__dict__)]),
    ("5.2", [ListPictures, loader_with()]),
    ("5.2", [DoublePictures, sampler_loader]),
    ("5.2", [TensorPictures, loader_with(generator=torch.Generator())]),
    ("5.3", [G]),
    ("5.3", [OtherGenerator]),
    ("5.3", [AllSizes]),
    ("5.3", [Lookup]),
    ("5.4", [D]),
    ("5.4", [OtherDiscriminator]),
    ("5.4", [Grouped]),
    ("5.4", [InstanceNormed]),
    ("5.5", [d_loss, g_loss]),
    ("5.5", [other_d_loss, other_g_loss]),
    ("5.5", [looped_d_loss, looped_g_loss]),
    ("5.5", [where_d_loss, double_g_loss]),
    ("5.6", [step]),
    ("5.6", [step_with()]),
    ("5.6", [frozen_judge]),
    ("5.6", [without_its_turn_left]),
    ("5.7", [sample]),
    ("5.7", [sample_by_rows]),
    ("5.7", [sample_one_by_one]),
    ("5.7", [sample_by_a_copy]),
    ("5.8", [walk]),
    ("5.8", [walk_by_points]),
    ("5.8", [walk_in_numpy]),
    ("5.8", [walk_by_atan]),
]
EQUIVALENT = {
    ("5.2", "Pictures.__getitem__: cast"): "the card asks for float numbers, of any kind",
    ("5.6", "train_step: cast"): "the losses are numbers, of any kind",
    ("5.8", "walk: cut *"): "a walk is looked at: the card asks for no gradient",
    ("5.8", "walk: detached"): "a walk is looked at: the card asks for no gradient",
    ("5.12", "copy_test: cut *"): "a test is looked at: the card asks for no gradient",
    ("5.12", "copy_test: detached"): "a test is looked at: the card asks for no gradient",
}
TOLD = {  # what is said of these wrong answers
    "it returned Namespace, not an EasyDict": ("5.1", [config, parser, lambda p: p.parse_args([])]),
    "label 2 of two classes: it went on without an error": ("5.2", [Trusting, loader]),
    "one picture, in training: it went on without an error": ("5.3", [AnyBatch]),
    "where must the judge's gradient end?": ("5.6", [one_graph]),
    "by fakes that were drawn anew": ("5.6", [step_with(after=True)]),
    "is its turn the first": ("5.6", [judge_first]),
    "a row has [10.0, 20.0, 30.0, 11.0, 21.0], not [10.0, 11.0, 12.0, 13.0, 14.0]": ("5.7", [sample_swapped]),
}


@pytest.mark.parametrize("words", TOLD)
def test_the_message_leads_to_the_fault(words, capsys):
    number, functions = TOLD[words]
    checks.check(number, *functions)
    assert words in " ".join(capsys.readouterr().out.split())


WRONG = [
    *TOLD.values(),
    ("5.1", [lambda c: EasyDict(config(c), n_classes=8), parser, here]),
    ("5.1", [lambda c: EasyDict(config(c), lr=0.002), parser, here]),
    ("5.1", [lambda c: dict(config(c)), parser, here]),
    ("5.1", [config, text_only, here]),
    ("5.1", [config, parser, lambda p: EasyDict(vars(p.parse_args()))]),
    ("5.1", [config, parser, swallows]),
    ("5.1", [with_floats, parser, here]),
    ("5.1", [config, parser, lambda p: config(["a", "b"])]),
    ("5.2", [SqueezedPictures, loader]),
    ("5.2", [ReadOnce, loader]),
    ("5.2", [ChangesPictures, loader]),
    ("5.2", [Pictures, one_order]),
    ("5.2", [Pictures, with_repeats]),
    ("5.2", [ZeroToOne, loader]),
    ("5.2", [NextLabel, loader]),
    ("5.2", [Pictures, loader_with(shuffle=False)]),
    ("5.2", [Pictures, loader_with(num_workers=0)]),
    ("5.2", [Pictures, loader_with(drop_last=False)]),
    ("5.3", [Deaf]),
    ("5.3", [OneForAll]),
    ("5.3", [NoTanh]),
    ("5.3", [Cut]),
    ("5.3", [AnySize]),
    ("5.3", [OffByOne]),
    ("5.3", [AlwaysFloat]),
    ("5.3", [NeverOne]),
    ("5.4", [Squeezed]),
    ("5.4", [Ten]),
    ("5.4", [Softsign]),
    ("5.4", [BatchNormed]),
    ("5.4", [TwoClasses]),
    ("5.4", [AllSqueezed]),
    ("5.4", [BlindToClass]),
    ("5.4", [AddedClass]),
    ("5.4", [ColumnOfLogits]),
    ("5.4", [Neighbours]),
    ("5.4", [CutOff]),
    ("5.5", [lambda real, fake: d_loss(fake, real), g_loss]),
    ("5.5", [lambda real, fake: d_loss(torch.cat([real, real]), fake) / 2, g_loss]),
    ("5.5", [lambda real, fake: F.relu(1 - real).sum() + F.relu(1 + fake).sum(), g_loss]),
    ("5.5", [d_loss, lambda fake: fake.mean()]),
    ("5.5", [d_loss, lambda fake: F.relu(1 - fake).mean()]),
    ("5.5", [half_cut, g_loss]),
    ("5.5", [lambda real_logits, fake_logits: d_loss(real_logits, fake_logits).item(), g_loss]),
    ("5.5", [d_loss, lambda fake_logits: g_loss(fake_logits).float()]),
    ("5.6", [by_hand]),
    ("5.6", [judge_left_in_evaluation]),
    ("5.6", [gradients_left_off]),
    ("5.6", [drawn_twice]),
    ("5.6", [step_with(detach=False)]),
    ("5.6", [step_with(clear=False)]),
    ("5.6", [step_with(moves=(False, True))]),
    ("5.6", [step_with(moves=(True, False))]),
    ("5.6", [step_with(swap=True)]),
    ("5.6", [left_frozen]),
    ("5.6", [with_graph]),
    ("5.7", [sample_of_eight]),
    ("5.7", [sample_float]),
    ("5.7", [sample_turned]),
    ("5.7", [sample_in_training]),
    ("5.7", [sample_and_forget]),
    ("5.7", [sample_with_graph]),
    ("5.8", [unit_walk]),
    ("5.8", [walk_in_double]),
    ("5.8", [straight]),
    ("5.8", [hopeful]),
    ("5.8", [lambda a, b, steps: walk(b, a, steps)]),
    ("5.8", [lambda a, b, steps: walk(a, b, steps + 1)[:-1]]),
    ("5.9", [augment_with(mirror=0.0), Augmented]),
    ("5.9", [augment_with(mirror=1.0), Augmented]),
    ("5.9", [augment_with(reach=1.0), Augmented]),
    ("5.9", [augment_with(reach=0.0), Augmented]),
    ("5.9", [augment_with(dims=(2,)), Augmented]),
    ("5.9", [augment_with(dims=(2, 3)), Augmented]),
    ("5.9", [augment_with(own=False), Augmented]),
    ("5.9", [augment_with(generator_used=False), Augmented]),
    ("5.9", [augment_each_pixel, Augmented]),
    ("5.9", [augment_cut, Augmented]),
    ("5.9", [augment_same_draw, Augmented]),
    ("5.9", [augment_one_number, Augmented]),
    ("5.9", [augment, Unregistered]),
    ("5.9", [augment, Untouched]),
    ("5.9", [augment, CutAugmented]),
    ("5.9", [augment, Doubled]),
    ("5.9", [augment, Relabelled]),
    ("5.10", [average_of_parameters]),
    ("5.10", [average_turned]),
    ("5.10", [average_copied_buffers]),
    ("5.10", [average_of_the_network]),
    ("5.10", [average_without_counter]),
    ("5.10", [average_returned]),
    ("5.11", [frechet_single]),
    ("5.11", [frechet_biased]),
    ("5.11", [frechet_of_diagonals]),
    ("5.11", [true_or_nan]),
    ("5.11", [lambda a, b: frechet(a, b) ** 0.5]),
    ("5.11", [lambda a, b: torch.tensor(frechet(a, b))]),
    ("5.12", [copies_squared]),
    ("5.12", [copies_with_nan]),
    ("5.12", [copies_farthest]),
    ("5.12", [copies_turned]),
    ("5.12", [copies_among_drawings]),
]
