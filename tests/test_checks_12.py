"""Assignment 12's checks accept the solution and other right answers, and refuse plausible wrong ones."""

import copy
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from helpers import checks
from tests.answers import *  # noqa: F403  right answers are accepted, wrong ones refused
from tests.definitions import definitions

right = definitions("solutions/12_one_model.ipynb", also=("words", "texts"))  # a default of batch_of is in them
attention, mask, targets, loss = right.attention, right.packed_mask, right.targets_of, right.answer_loss
step, generate, LoRA, merge = right.cached_step, right.generate, right.LoRA, right.merge
joined, factor = right.joined, right.factor


# 12.1


def some_key(mask):
    if mask is not None and not mask.any(-1).all():
        raise ValueError("Each query needs a key.")


def attention_by_einsum(q, k, v, mask=None):
    some_key(mask)
    scores = torch.einsum("...qd,...kd->...qk", q, k) * q.shape[-1] ** -0.5
    if mask is not None:
        scores = torch.where(mask, scores, torch.finfo(scores.dtype).min)
    weights = (scores - scores.amax(-1, keepdim=True)).exp()
    return torch.einsum("...qk,...kd->...qd", weights / weights.sum(-1, keepdim=True), v)


def attention_by_queries(q, k, v, mask=None):
    """One query after the other."""
    some_key(mask)
    q, found = q / q.shape[-1] ** 0.5, []
    for i in range(q.shape[-2]):
        scores = (q[..., i : i + 1, :] * k).sum(-1)
        if mask is not None:
            scores = scores + torch.zeros_like(scores).masked_fill(mask[..., i, :].logical_not(), float("-inf"))
        found.append((F.softmax(scores, dim=-1)[..., None] * v).sum(-2))
    return torch.stack(found, -2)


def attention_like(scale=None, hide=None, where=-1, check=True):
    """The solution with a piece of it replaced."""

    def made(q, k, v, mask=None):
        if check:
            some_key(mask)
        scores = q @ k.mT * (scale(q, k) if scale else q.shape[-1] ** -0.5)
        if mask is None:
            return scores.softmax(where) @ v
        return hide(scores, mask) @ v if hide else scores.masked_fill(~mask, -math.inf).softmax(where) @ v

    return made


def attention_of_torch(q, k, v, mask=None):
    some_key(mask)
    return F.scaled_dot_product_attention(q, k, v, mask)


# 12.2


def mask_by_loops(number, prefix):
    n, s = number.shape
    made = torch.zeros(n, prefix + s, prefix + s).bool()
    made[..., :prefix] = True
    for i, row in enumerate(number.tolist()):
        for a in range(s):
            for b in range(a + 1):
                made[i, prefix + a, prefix + b] = row[a] == row[b] and (row[a] >= 0 or a == b)
    return made


def mask_by_index(number, prefix):
    """Positions of all, prefix included: the prefix has text -2."""
    whole = F.pad(number, (prefix, 0), value=-2)
    at = torch.arange(whole.shape[1])
    earlier, alike = at[:, None] >= at, whole[:, :, None] == whole[:, None, :]
    return (alike & earlier) | (at < prefix).expand_as(alike)


def mask_with_numpy(number, prefix):
    number = number.numpy()
    n, s = number.shape
    inside = np.tril(number[:, :, None] == number[:, None, :])
    below = np.concatenate([np.ones((n, s, prefix), bool), inside], 2)
    above = np.concatenate([np.ones((n, prefix, prefix), bool), np.zeros((n, prefix, s), bool)], 2)
    return torch.from_numpy(np.concatenate([above, below], 1))


def mask_like(change):
    def made(number, prefix):
        return change(mask(number, prefix), number, prefix)

    return made


def all_of_the_text(made, number, prefix):
    made[:, prefix:, prefix:] = number[:, :, None] == number[:, None, :]
    return made


def no_texts(made, number, prefix):
    made[:, prefix:, prefix:] = torch.ones_like(made[:, prefix:, prefix:]).tril()
    return made


def prefix_sees_all(made, number, prefix):
    made[:, :prefix] = True
    return made


def prefix_causal(made, number, prefix):
    made[:, :prefix, :prefix] = made[:, :prefix, :prefix].tril()
    return made


def without_itself(made, number, prefix):
    made[:, prefix:, prefix:] &= ~torch.eye(number.shape[1], dtype=torch.bool)
    return made


def without_prefix(made, number, prefix):
    made[:, prefix:, :prefix] = False
    return made


def blind_padding(made, number, prefix):
    made[:, prefix:][number < 0] = False
    return made


# 12.3


def targets_by_loops(tokens, prompt, length):
    if min(prompt.tolist()) < 1:
        raise ValueError("no prompt")
    made = torch.full_like(tokens, -1)
    for i, (p, end) in enumerate(zip(prompt.tolist(), length.tolist(), strict=True)):
        made[i, p - 1 : end - 1] = tokens[i, p:end]
    return made


def targets_by_padding(tokens, prompt, length):
    """Blank out what is no answer, then move all by one."""
    if not (prompt > 0).all():
        raise ValueError("a prompt is empty")
    at = torch.arange(tokens.shape[1])[None]
    answers = tokens.masked_fill((at < prompt[:, None]) | (at >= length[:, None]), -1)
    return torch.nn.functional.pad(answers[:, 1:], (0, 1), value=-1)


def targets_by_cat(tokens, prompt, length):
    if (prompt == 0).any():
        raise ValueError("Nothing is there that could predict the first word.")
    n, s = tokens.shape
    following = torch.cat([tokens[:, 1:], tokens.new_full((n, 1), -1)], 1)
    at = torch.arange(s).repeat(n, 1)
    following[(at + 1 < prompt.unsqueeze(1)) | (at + 1 >= length.unsqueeze(1))] = -1
    return following


def targets_like(first=0, last=0, shift=1, else_=-1, check=True):
    def made(tokens, prompt, length):
        if check and (prompt < 1).any():
            raise ValueError("a prompt needs a word")
        following = torch.arange(tokens.shape[1]) + shift
        due = (following >= prompt[:, None] + first) & (following < length[:, None] + last)
        return torch.where(due, tokens.roll(-shift, 1), else_)

    return made


def targets_by_padding_word(tokens, prompt, length):
    """Takes word 0 for padding."""
    made = targets(tokens, prompt, length)
    return made.masked_fill(made == 0, -1)


# 12.4


def loss_by_log_softmax(logits, targets):
    due = targets != -1
    if due.sum() == 0:
        raise ValueError("nothing to learn")
    logs = torch.log_softmax(logits, -1).gather(2, targets.clamp(min=0)[..., None]).squeeze(2)
    return -torch.where(due, logs, 0).sum() / due.sum()


def loss_by_loops(logits, targets):
    found = []
    for row, words in zip(logits, targets.tolist(), strict=True):
        for one, word in zip(row, words, strict=True):
            if word >= 0:
                found.append(torch.logsumexp(one, 0) - one[word])
    if not found:
        raise ValueError("no answers")
    return sum(found) / len(found)


def loss_by_nll(logits, targets):
    if (targets < 0).all():
        raise ValueError("no answers")
    return F.nll_loss(F.log_softmax(logits, 2).reshape(-1, logits.shape[2]), targets.reshape(-1), ignore_index=-1)


def loss_of_means(logits, targets):
    """The mean of each text's mean."""
    loss(logits, targets)
    return torch.stack([loss(a[None], b[None]) for a, b in zip(logits, targets, strict=True) if (b >= 0).any()]).mean()


def loss_over_all(logits, targets):
    return loss(logits, targets) * (targets >= 0).sum() / targets.numel()


def loss_of_padding(logits, targets):
    loss(logits, targets)
    return loss(logits, targets.clamp(min=0))


def loss_of_exponentials(logits, targets):
    due = targets >= 0
    if not due.any():
        raise ValueError("no answers")
    chances = logits.exp() / logits.exp().sum(-1, keepdim=True)
    return -chances[due].gather(1, targets[due][:, None]).log().mean()


def loss_of_torch(logits, targets):
    if (targets < 0).all():
        raise ValueError("no answers")
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1)


def loss_without_a_word(logits, targets):
    due = targets >= 0
    logs = logits.log_softmax(-1).gather(2, targets.clamp(min=0)[..., None])[..., 0]
    return -logs[due].sum() / due.sum().clamp(min=1)


# 12.5


def step_of_torch(q, k, v, past=None):
    if past:
        k, v = (torch.cat(pair, dim=2) for pair in zip(past, (k, v), strict=True))
    old = k.size(2) - q.size(2)
    at = torch.arange(q.size(2))[:, None] + old >= torch.arange(k.size(2))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=at), (k, v)


def step_by_words(q, k, v, past=None):
    """One new word after the other."""
    keys, values = past if past is not None else (k[:, :, :0], v[:, :, :0])
    mixed = []
    for i in range(q.shape[2]):
        keys, values = torch.cat([keys, k[:, :, [i]]], 2), torch.cat([values, v[:, :, [i]]], 2)
        weights = (q[:, :, [i]] @ keys.transpose(2, 3) / keys.shape[-1] ** 0.5).softmax(-1)
        mixed.append(weights @ values)
    return torch.cat(mixed, 2), (keys, values)


def step_by_bias(q, k, v, past=None):
    new = q.shape[-2]
    if past is not None:
        k, v = torch.cat((past[0], k), -2), torch.cat((past[1], v), -2)
    scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(k.shape[-1])
    later = torch.full((new, new), -math.inf, dtype=q.dtype).triu(1)
    scores = scores + F.pad(later, (k.shape[-2] - new, 0))
    return scores.softmax(-1) @ v, (k, v)


def step_like(mask=None, append=None, back=None):
    def made(q, k, v, past=None):
        keys, values = k, v
        if past is not None:
            keys, values = append(past, k, v) if append else [torch.cat(p, 2) for p in zip(past, (k, v), strict=True)]
        new, every = q.shape[2], keys.shape[2]
        allowed = mask(new, every) if mask else torch.ones(new, every, dtype=torch.bool).tril(every - new)
        return attention(q, keys, values, allowed), back(k, v, keys, values) if back else (keys, values)

    return made


def step_by_is_causal(q, k, v, past=None):
    """torch's is_causal lines the first query up with the first key."""
    if past is not None:
        k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
    return F.scaled_dot_product_attention(q, k, v, is_causal=True), (k, v)


# 12.6


def generate_by_tensor(step, start, end, limit):
    if limit <= 0:
        raise ValueError("no words")
    with torch.inference_mode():
        said, past, tokens = torch.empty(len(start), 0, dtype=torch.long), None, start
        while said.shape[1] < limit and not (said == end).any(1).all():
            logits, past = step(tokens, past)
            tokens = logits[:, -1].argmax(1, keepdim=True)
            said = torch.cat([said, tokens], 1)
    return [row[: row.index(end)] if end in row else row for row in said.tolist()]


def generate_by_sets(step, start, end, limit):
    if limit < 1:
        raise ValueError("Let it say one word at least.")
    with torch.no_grad():
        texts, open_, given, past = {i: [] for i in range(len(start))}, set(range(len(start))), start, None
        while open_:
            logits, past = step(given, past)
            given = logits[:, -1].topk(1).indices
            open_ = {i for i in open_ if int(given[i]) != end}
            for i in open_:
                texts[i].append(int(given[i]))
            open_ = {i for i in open_ if len(texts[i]) < limit}
    return list(texts.values())


@torch.inference_mode()
def generate_in_turn(step, start, end, limit):
    """All words first, and then each text up to <end>."""
    if not limit > 0:
        raise ValueError("limit")
    columns, ended, past, given = [], torch.zeros(len(start), dtype=torch.bool), None, start
    for _ in range(limit):
        logits, past = step(given, past)
        given = torch.max(logits[:, -1:], dim=2).indices
        columns.append(given[:, 0].tolist())
        ended = ended | (given[:, 0] == end)
        if ended.all():
            break
    texts = []
    for row in zip(*columns, strict=True):
        texts.append(list(row[: row.index(end)] if end in row else row))
    return texts


def generate_like(stays=True, early=True, all_ended=True, cached=True, last=-1, keep_end=False, grad=False, check=True):
    def made(step, start, end, limit):
        if check and limit < 1:
            raise ValueError("limit")
        texts, going, past, tokens = [[] for _ in start], [True] * len(start), None, start
        with torch.set_grad_enabled(grad):
            for _ in range(limit):
                logits, past = step(tokens, past)
                tokens = logits[:, last].argmax(-1)[:, None]
                for i, word in enumerate(tokens[:, 0].tolist()):
                    going[i] = (going[i] or not stays) and word != end
                    if going[i] or (keep_end and end not in texts[i]):
                        texts[i].append(word)
                if early and not (any(going) if all_ended else all(going)):
                    break
                if not cached:
                    past, tokens = None, torch.cat([start, tokens], 1)
        return texts

    return made


def generate_tensors(step, start, end, limit):
    return [torch.tensor(text, dtype=torch.long) for text in generate(step, start, end, limit)]


# 12.7


class LoRAByLinears(nn.Module):
    """A and B as parameters, and F.linear for each."""

    def __init__(self, base, rank, alpha):
        super().__init__()
        if rank <= 0:
            raise ValueError(f"a rank of {rank}")
        self.base, self.rank, self.alpha = base, rank, alpha
        for weight in base.parameters():
            weight.requires_grad = False
        self.A = nn.Parameter(torch.empty(rank, base.in_features).to(base.weight))
        nn.init.normal_(self.A, std=base.in_features**-0.5)
        self.B = nn.Parameter(base.weight.new_zeros(base.out_features, rank))

    @property
    def scale(self):
        return self.alpha / self.rank

    def forward(self, x):
        return self.base(x) + self.alpha * F.linear(F.linear(x, self.A), self.B) / self.rank


class LoRAByWeight(nn.Module):
    """The update is made first, then one product."""

    def __init__(self, base, rank, alpha):
        super().__init__()
        if not rank >= 1:
            raise ValueError("The rank is too small.")
        self.base = base
        base.weight.requires_grad_(False)
        if base.bias is not None:
            base.bias.requires_grad_(False)
        out, into = base.weight.shape
        self.register_buffer("scale", torch.tensor(alpha / rank, dtype=base.weight.dtype))
        self.A = nn.Parameter(torch.normal(0.0, into**-0.5, (rank, into)).to(base.weight.dtype))
        self.B = nn.Parameter(torch.zeros(out, rank, dtype=base.weight.dtype))

    def forward(self, x):
        return F.linear(x, self.base.weight + self.scale * torch.mm(self.B, self.A), self.base.bias)


class LoRAByEinsum(LoRAByLinears):
    def forward(self, x):
        return self.base(x) + self.scale * torch.einsum("...i,ri,or->...o", x, self.A, self.B)


class Tampered(LoRA):
    """The solution, changed after it was made."""

    def change(self):
        pass

    def __init__(self, base, rank, alpha):
        super().__init__(base, rank, alpha)
        with torch.no_grad():
            self.change()


class BothRandom(Tampered):
    def change(self):
        self.B.normal_()


class BothZero(Tampered):
    def change(self):
        self.A.zero_()


class Wide(Tampered):
    def change(self):
        self.A.mul_(self.A.shape[1] ** 0.5)


class Even(Tampered):
    def change(self):
        self.A.uniform_(-1, 1).mul_((3 / self.A.shape[1]) ** 0.5)


class Unfrozen(Tampered):
    def change(self):
        self.base.requires_grad_(True)


class BiasUnfrozen(Tampered):
    def change(self):
        if self.base.bias is not None:
            self.base.bias.requires_grad_(True)


class Copied(Tampered):
    def change(self):
        self.base = copy.deepcopy(self.base)


class Unscaled(LoRA):
    def forward(self, x):
        return self.base(x) + x @ self.A.T @ self.B.T


class TimesRank(LoRA):
    def forward(self, x):
        return self.base(x) + self.scale * self.A.shape[0] * (x @ self.A.T @ self.B.T)


class Alone(LoRA):
    """Forgets the base where B isn't zero."""

    def forward(self, x):
        return self.scale * (x @ self.A.T @ self.B.T) + (0 if self.B.any() else self.base(x))


class Unchecked(nn.Module):
    forward = LoRA.forward

    def __init__(self, base, rank, alpha):
        super().__init__()
        self.base, self.scale = base.requires_grad_(False), alpha / max(rank, 1)
        self.A = nn.Parameter(torch.randn(rank, base.in_features).to(base.weight) / base.in_features**0.5)
        self.B = nn.Parameter(torch.zeros(base.out_features, rank).to(base.weight))


class NoParameters(Tampered):
    def change(self):
        for name in ("A", "B"):
            value = getattr(self, name).data
            delattr(self, name)
            setattr(self, name, value)


# 12.8


def merge_by_copy(layer):
    linear = copy.deepcopy(layer.base).requires_grad_(True)
    linear.weight.data += layer.scale * (layer.B @ layer.A).data
    return linear


def merge_by_parameter(layer):
    out, into = layer.base.weight.shape
    linear = nn.Linear(into, out, bias=layer.base.bias is not None)
    linear.weight = nn.Parameter((layer.base.weight + layer.scale * layer.B @ layer.A).detach())
    if layer.base.bias is not None:
        linear.bias = nn.Parameter(layer.base.bias.detach().clone())
    return linear


def merge_by_identity(layer):
    """What does the layer make of the unit vectors?"""
    base, rows = layer.base, torch.eye(layer.base.in_features, dtype=layer.base.weight.dtype)
    with torch.no_grad():
        offset = layer(torch.zeros_like(rows[:1]))
        linear = nn.Linear(base.in_features, base.out_features, bias=base.bias is not None).to(rows.dtype)
        linear.weight.copy_((layer(rows) - offset).T)
        if base.bias is not None:
            linear.bias.copy_(offset[0])
    return linear


def merge_like(update=None, bias=True, frozen=False, shared=False):
    def made(layer):
        base = layer.base
        linear = nn.Linear(base.in_features, base.out_features, bias=bias and base.bias is not None)
        new = update(layer) if update else layer.scale * layer.B @ layer.A
        linear.weight = nn.Parameter((base.weight + new).detach())
        if linear.bias is not None:
            linear.bias = nn.Parameter(base.bias.data if shared else base.bias.data.clone())
        return linear.requires_grad_(not frozen)

    return made


def merge_in_place(layer):
    layer.base.weight.data += layer.scale * layer.B.data @ layer.A.data
    return layer.base


# 12.9


def joined_by_weights(gradients, counts):
    total = sum(counts)
    if total == 0:
        raise ValueError("no words at all")
    used = [(count / total, some) for count, some in zip(counts, gradients, strict=True) if count]
    return [sum(share * some[i] for share, some in used) for i in range(len(gradients[0]))]


def joined_by_stack(gradients, counts):
    if not any(counts):
        raise ValueError("nobody had anything to learn")
    result = []
    for some in zip(*gradients, strict=True):
        stacked = torch.nan_to_num(torch.stack(some))
        weights = torch.tensor(counts, dtype=stacked.dtype) / sum(counts)
        result.append(torch.tensordot(weights, stacked, 1))
    return result


def joined_in_turn(gradients, counts):
    """A running mean."""
    seen, mean = 0, None
    for some, count in zip(gradients, counts, strict=True):
        if count:
            seen += count
            mean = (
                list(some) if mean is None else [m + (g - m) * (count / seen) for m, g in zip(mean, some, strict=True)]
            )
    if not seen:
        raise ValueError("no words")
    return mean


def factor_by_mean(counts, rank):
    if max(counts) == 0:
        raise ValueError("no words")
    return counts[rank] / (sum(counts) / len(counts))


def factor_with_numpy(counts, rank):
    if not np.any(counts):
        raise ValueError("no words")
    return float(counts[rank] / np.mean(counts))


def factor_by_shares(counts, rank):
    total = float(sum(counts))
    if not total:
        raise ValueError("no words")
    return len(counts) * [count / total for count in counts][rank]


def joined_like(weight, check=True, skip=True):
    def made(gradients, counts):
        if check and not sum(counts):
            raise ValueError("no words")
        used = [k for k, count in enumerate(counts) if count or not skip]
        return [sum(weight(counts, k) * gradients[k][i] for k in used) for i in range(len(gradients[0]))]

    return made


RIGHT = [
    ("12.1", [attention]),
    ("12.1", [attention_by_einsum]),
    ("12.1", [attention_by_queries]),
    ("12.2", [mask]),
    ("12.2", [mask_by_loops]),
    ("12.2", [mask_by_index]),
    ("12.2", [mask_with_numpy]),
    ("12.3", [targets]),
    ("12.3", [targets_by_loops]),
    ("12.3", [targets_by_padding]),
    ("12.3", [targets_by_cat]),
    ("12.4", [loss]),
    ("12.4", [loss_by_log_softmax]),
    ("12.4", [loss_by_loops]),
    ("12.4", [loss_by_nll]),
    ("12.5", [step]),
    ("12.5", [step_of_torch]),
    ("12.5", [step_by_words]),
    ("12.5", [step_by_bias]),
    ("12.6", [generate]),
    ("12.6", [generate_by_tensor]),
    ("12.6", [generate_by_sets]),
    ("12.6", [generate_in_turn]),
    ("12.7", [LoRA]),
    ("12.7", [LoRAByLinears]),
    ("12.7", [LoRAByWeight]),
    ("12.7", [LoRAByEinsum]),
    ("12.8", [merge]),
    ("12.8", [merge_by_copy]),
    ("12.8", [merge_by_parameter]),
    ("12.8", [merge_by_identity]),
    ("12.9", [joined, factor]),
    ("12.9", [joined_by_weights, factor_by_mean]),
    ("12.9", [joined_by_stack, factor_with_numpy]),
    ("12.9", [joined_in_turn, factor_by_shares]),
]

WRONG = [
    ("12.1", [attention_like(scale=lambda q, k: 1.0)]),
    ("12.1", [attention_like(scale=lambda q, k: 1 / q.shape[-1])]),
    ("12.1", [attention_like(scale=lambda q, k: k.shape[-2] ** -0.5)]),
    ("12.1", [attention_like(where=-2)]),
    ("12.1", [attention_like(hide=lambda scores, mask: scores.softmax(-1) * mask)]),
    ("12.1", [attention_like(hide=lambda scores, mask: (scores * mask).softmax(-1))]),
    ("12.1", [attention_like(hide=lambda scores, mask: (scores - 20.0 * ~mask).softmax(-1))]),
    ("12.1", [attention_like(hide=lambda scores, mask: scores.masked_fill(mask, -math.inf).softmax(-1))]),
    ("12.1", [attention_like(hide=lambda scores, mask: scores.softmax(-1))]),
    ("12.1", [attention_like(check=False)]),
    ("12.1", [attention_of_torch]),
    ("12.2", [mask_like(all_of_the_text)]),
    ("12.2", [mask_like(no_texts)]),
    ("12.2", [mask_like(prefix_sees_all)]),
    ("12.2", [mask_like(prefix_causal)]),
    ("12.2", [mask_like(without_itself)]),
    ("12.2", [mask_like(without_prefix)]),
    ("12.2", [mask_like(blind_padding)]),
    ("12.2", [mask_like(lambda made, number, prefix: made.mT)]),
    ("12.2", [mask_like(lambda made, number, prefix: ~made)]),
    ("12.2", [mask_like(lambda made, number, prefix: made.float())]),
    ("12.2", [mask_like(lambda made, number, prefix: made[:1].expand_as(made))]),
    ("12.3", [targets_like(first=-1)]),
    ("12.3", [targets_like(first=1)]),
    ("12.3", [targets_like(last=-1)]),
    ("12.3", [targets_like(last=1)]),
    ("12.3", [targets_like(shift=0)]),
    ("12.3", [targets_like(else_=0)]),
    ("12.3", [targets_like(first=-99)]),
    ("12.3", [targets_like(check=False)]),
    ("12.3", [targets_by_padding_word]),
    ("12.4", [loss_of_means]),
    ("12.4", [loss_over_all]),
    ("12.4", [loss_of_padding]),
    ("12.4", [loss_of_exponentials]),
    ("12.4", [loss_of_torch]),
    ("12.4", [loss_without_a_word]),
    ("12.4", [lambda logits, targets: -loss(logits, targets)]),
    ("12.4", [lambda logits, targets: loss(logits, targets) * (targets >= 0).sum()]),
    ("12.5", [step_like(mask=lambda new, every: torch.ones(new, every, dtype=torch.bool))]),
    ("12.5", [step_like(mask=lambda new, every: torch.ones(new, every, dtype=torch.bool).tril())]),
    ("12.5", [step_like(mask=lambda new, every: torch.ones(new, every, dtype=torch.bool).triu(every - new))]),
    ("12.5", [step_like(append=lambda past, k, v: [torch.cat([k, past[0]], 2), torch.cat([v, past[1]], 2)])]),
    ("12.5", [step_like(append=lambda past, k, v: (k, v))]),
    (
        "12.5",
        [step_like(append=lambda past, k, v: [torch.cat([p, x], 2) for p, x in zip(past[::-1], (k, v), strict=True)])],
    ),
    ("12.5", [step_like(back=lambda k, v, keys, values: (k, v))]),
    ("12.5", [step_like(back=lambda k, v, keys, values: (values, keys))]),
    ("12.5", [step_by_is_causal]),
    ("12.6", [generate_like(stays=False)]),
    ("12.6", [generate_like(early=False)]),
    ("12.6", [generate_like(all_ended=False)]),
    ("12.6", [generate_like(cached=False)]),
    ("12.6", [generate_like(last=0)]),
    ("12.6", [generate_like(keep_end=True)]),
    ("12.6", [generate_like(grad=True)]),
    ("12.6", [generate_like(check=False)]),
    ("12.6", [generate_tensors]),
    ("12.6", [lambda step, start, end, limit: generate(step, start, end, limit + 1)]),
    (
        "12.6",
        [
            lambda step, start, end, limit: [
                start[i].tolist() + text for i, text in enumerate(generate(step, start, end, limit))
            ]
        ],
    ),
    ("12.7", [BothRandom]),
    ("12.7", [BothZero]),
    ("12.7", [Wide]),
    ("12.7", [Even]),
    ("12.7", [Unfrozen]),
    ("12.7", [BiasUnfrozen]),
    ("12.7", [Copied]),
    ("12.7", [Unscaled]),
    ("12.7", [TimesRank]),
    ("12.7", [Alone]),
    ("12.7", [Unchecked]),
    ("12.7", [NoParameters]),
    ("12.8", [merge_like(update=lambda layer: layer.B @ layer.A)]),
    ("12.8", [merge_like(update=lambda layer: 0)]),
    ("12.8", [merge_like(update=lambda layer: -layer.scale * layer.B @ layer.A)]),
    ("12.8", [merge_like(bias=False)]),
    ("12.8", [merge_like(frozen=True)]),
    ("12.8", [merge_like(shared=True)]),
    ("12.8", [merge_in_place]),
    ("12.8", [lambda layer: layer]),
    ("12.9", [joined_like(lambda counts, k: 1 / len(counts)), factor]),
    ("12.9", [joined_like(lambda counts, k: counts[k]), factor]),
    ("12.9", [joined_like(lambda counts, k: counts[k] / max(sum(counts), 1), skip=False), factor]),
    ("12.9", [joined_like(lambda counts, k: counts[k] / max(sum(counts), 1), check=False), factor]),
    ("12.9", [joined_like(lambda counts, k: (sum(counts) - counts[k]) / sum(counts)), factor]),
    ("12.9", [joined, lambda counts, rank: factor(counts, rank) / len(counts)]),
    ("12.9", [joined, lambda counts, rank: 0 * factor(counts, rank) + 1.0]),
    ("12.9", [joined, lambda counts, rank: 1 / factor(counts, rank)]),
    ("12.9", [joined, lambda counts, rank: factor(counts, 0)]),
    ("12.9", [joined, lambda counts, rank: len(counts) * counts[rank] / max(sum(counts), 1)]),
]


EQUIVALENT = {
    ("12.5", "*: detached"): "a cache is for speaking, not for training",
    ("12.5", "*: cut *"): "a cache is for speaking, not for training",
    ("12.9", "*: detached"): "nobody differentiates a gradient",
    ("12.9", "*: cut *"): "nobody differentiates a gradient",
}


def test_marks_add_up_to_sixteen():
    exercises = checks.module_of("12.1").EXERCISES
    assert sum(exercise.points for exercise in exercises.values()) == 16
    assert all(len(exercise.hints) >= 3 and len(exercise.cases) >= 3 for exercise in exercises.values())
