"""Data of the lectures on sound and sight: published networks against independent arithmetic, and what each loader gives."""

import json

import numpy as np
import pytest
import soxr
import torch

from helpers import CourseError, data

SHA256 = {
    "soundnet": ("sha256_of_sound8.npy", "7bef691761d00a23b027751bb8e7bdadc603a03f3bbec5574e7cd54c98a850c5"),
    "voice_encoder": ("sha256_of_pretrained.pt", "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"),
}


def plain(stored):
    """A state in float32: bytes times their scales."""
    return {k: v.float() * stored.get(f"{k}.scale", 1) for k, v in stored.items() if not k.endswith(".scale")}


def test_published_networks_say_where_they_come_from():
    for name, (key, digest) in SHA256.items():
        assert data.weights(name)[1][key] == digest
    _, recipe = data.weights("soundnet")
    places, things, numbers = (json.loads(recipe[key]) for key in ("places", "imagenet", "imagenet_numbers"))
    assert len(places) == len(set(places)) == 401 and len(things) == len(set(numbers)) == 109
    assert places[0] == "abbey" and things[numbers.index(246)] == "Great Dane"  # as in ImageNet's own order


# ---------------------------------------------------------------------------------------------------------- SoundNet
def soundnet_by_numpy(state, signal):
    """The published layers in float64, without PyTorch: means and maxima of each layer, and the logits of both heads.

    Args:
        state: `{name: tensor}`, in float32.
        signal: (samples,) at 22,050 Hz, within [-256, 256].

    Returns:
        A list of seven activations (places, channels), and logits (times, 401) and (times, 109).
    """
    state = {key: value.double().numpy() for key, value in state.items()}
    pools, seen, layers = {1: 8, 2: 8, 5: 4}, np.asarray(signal, dtype=np.float64)[None], []

    def convolve(x, name, padding):
        weight = state[f"{name}.weight"]
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (padding, padding))), weight.shape[2], 1)
        return np.einsum("itk,oik->ot", windows[:, ::2], weight, optimize=True) + state[f"{name}.bias"][:, None]

    for i in range(1, 8):
        seen = convolve(seen, f"conv{i}", state[f"conv{i}.weight"].shape[2] // 2)
        gain, shift, mean, variance = (
            state[f"norm{i}.{part}"][:, None] for part in ("weight", "bias", "running_mean", "running_var")
        )
        seen = np.maximum(gain * (seen - mean) / np.sqrt(variance + 1e-5) + shift, 0)
        if i in pools:
            whole = seen.shape[1] // pools[i]
            seen = seen[:, : whole * pools[i]].reshape(len(seen), whole, pools[i]).max(2)
        layers.append(seen.T)
    return layers, convolve(seen, "places", 0).T, convolve(seen, "imagenet", 0).T


def twenty_seconds(name):
    signal = data.read_sound(data.checked(f"sounds/{name}.ogg"), 22_050).numpy()
    return np.tile(signal, -(-441_000 // len(signal)))[:441_000] * 256


def test_soundnet_gives_the_published_activations():
    """The numbers were computed once from the published arrays, in their own layout, with numpy."""
    layers, places, things = soundnet_by_numpy(plain(data.weights("soundnet")[0]), twenty_seconds("gcompris/violin"))
    assert [len(layer) for layer in layers] == [27562, 1722, 862, 432, 54, 28, 15]
    means = [1.19178, 0.14522, 0.31093, 0.13008, 0.22815, 0.20445, 0.00106]
    most = [8.3206, 4.2568, 9.0257, 5.7642, 4.9921, 3.1016, 0.3435]
    assert [layer[:-1].mean() for layer in layers] == pytest.approx(means, rel=0.02)
    assert [layer[:-1].max() for layer in layers] == pytest.approx(most, rel=0.02)
    assert places.shape == (4, 401) and things.shape == (4, 109)
    published = [-2.083, -1.079, -2.609, -1.373, -3.55], [-2.939, -3.604, -4.439, 0.555, 0.591]
    assert places.mean(0)[::100] == pytest.approx(published[0], abs=0.05)
    assert things.mean(0)[[0, 25, 50, 75, 108]] == pytest.approx(published[1], abs=0.05)
    assert places[1].argmax() == 257 and things[0].argmax() == 105


def test_soundnet_hears_a_dog_and_a_music_room():
    stored, recipe = data.weights("soundnet")
    for name, place, thing in (
        ("gcompris/dog", "kennel/outdoor", "Great Dane"),
        ("gcompris/accordion", "music_studio", "accordion"),
    ):
        _, places, things = soundnet_by_numpy(plain(stored), twenty_seconds(name))
        assert json.loads(recipe["places"])[places.mean(0).argmax()] == place
        assert json.loads(recipe["imagenet"])[things.mean(0).argmax()].startswith(thing)


# ----------------------------------------------------------------------------------------------------- voice encoder
def voice_by_numpy(state, frames):
    """The published LSTM in float64, gate by gate: frames (time, 40) -> a vector (256,) of length 1."""
    state = {key: value.double().numpy() for key, value in state.items()}
    seen = np.asarray(frames, dtype=np.float64)
    for layer in range(3):
        w_in, w_own, b_in, b_own = (
            state[f"lstm.{part}_l{layer}"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        hidden, cell, out = np.zeros(256), np.zeros(256), []
        for frame in seen:
            gates = w_in @ frame + b_in + w_own @ hidden + b_own
            keep_in, keep, _, show = 1 / (1 + np.exp(-gates.reshape(4, 256)))
            cell = keep * cell + keep_in * np.tanh(gates[512:768])
            hidden = show * np.tanh(cell)
            out.append(hidden)
        seen = np.array(out)
    raw = np.maximum(state["linear.weight"] @ seen[-1] + state["linear.bias"], 0)
    return raw / np.linalg.norm(raw)


def mels_by_numpy(signal):
    """40 mel bands of the power at 16 kHz, Slaney's scale and norm, as librosa makes them: (frames, 40)."""

    def hertz(mel):
        return np.where(mel < 15, 200 / 3 * mel, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))

    top = 15 + 27 * np.log(8) / np.log(6.4)  # 8,000 Hz
    edges, bins = hertz(np.linspace(0, top, 42)), np.fft.rfftfreq(400, 1 / 16_000)
    up = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    down = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    bank = np.maximum(np.minimum(up, down), 0) * (2 / (edges[2:] - edges[:-2]))[:, None]
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(signal, 200), 400)[::160]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    return np.abs(np.fft.rfft(windows * hann)) ** 2 @ bank.T


def test_the_voice_encoder_gives_the_published_vector():
    """The numbers were computed once by the package's own code, with its weights, on the first 1.6 s of a violin."""
    frames = mels_by_numpy(data.sound("gcompris/violin")[:25_600].double().numpy())
    assert frames.shape == (161, 40) and frames.mean() == pytest.approx(0.116192, rel=1e-3)
    assert frames[50, [5, 15, 25, 35]] == pytest.approx([0.00055615, 0.01882468, 0.03725459, 0.00227004], rel=0.01)
    voice = voice_by_numpy(plain(data.weights("voice_encoder")[0]), frames[:160])
    assert voice[[167, 128, 109, 221, 168, 42]] == pytest.approx(
        [0.2199, 0.2131, 0.1741, 0.1676, 0.1554, 0.1508], abs=2e-3
    )
    assert (voice > 0).sum() == pytest.approx(123, abs=2)


def test_the_voice_encoder_tells_voices_apart():
    state, vectors = plain(data.weights("voice_encoder")[0]), {}
    for who in ("allison", "carlo"):
        said = [d for d in data.digits() if d.voice == who and d.language in ("en", "it")]
        for half in (0, 1):
            signal = torch.cat([d.signal for d in said if d.digit % 2 == half]).numpy()
            frames = mels_by_numpy(soxr.resample(signal, 8_000, 16_000))[:160]
            vectors[who, half] = voice_by_numpy(state, frames)
    same = [vectors[who, 0] @ vectors[who, 1] for who in ("allison", "carlo")]
    other = [vectors["allison", i] @ vectors["carlo", j] for i in (0, 1) for j in (0, 1)]
    assert min(same) > max(other) + 0.1


def test_unknown_weights_are_refused():
    with pytest.raises(CourseError, match="no weights 'soundnet9'.*soundnet, "):
        data.weights("soundnet9")


# -------------------------------------------------------------------------------------------------- pictures and notes
def test_instruments_have_pictures_and_notes():
    instruments, pictures, owner = data.instruments()
    assert len(instruments) == len({one.name for one in instruments}) == 37
    assert pictures.shape == (155, 4, 96, 96) and pictures.dtype == torch.uint8 and owner.shape == (155,)
    assert owner.bincount().tolist() == [len(one.artists) for one in instruments] and (owner.diff() >= 0).all()
    assert sum(len(one.artists) >= 2 for one in instruments) == 25
    drawn = (pictures[:, 3] > 128).float().mean((1, 2))
    assert drawn.min() > 0.02 and drawn.max() < 0.95  # neither blank nor without free ground
    known = {entry["name"] for entry in json.loads((data.DATA / "sounds/index.json").read_text(encoding="utf-8"))}
    recordings = [one.recording for one in instruments if one.recording]
    assert len(recordings) == len(set(recordings)) == 26 and set(recordings) <= known


def test_notes_sound_at_their_pitch():
    notes = data.notes()
    assert len(notes) == 444 and {len(note.signal) for note in notes} == {24_000}
    assert [sum(note.instrument == i for note in notes) for i in range(37)] == [12] * 37
    loudest = torch.stack([note.signal for note in notes]).abs().amax(1)
    assert loudest.min() > 0.03 and loudest.max() < 1
    names = [one.name for one in data.instruments()[0]]
    bands = torch.fft.rfftfreq(24_000, 1 / 16_000)
    for note in notes:
        if names[note.instrument] in ("trumpet", "flute", "oboe", "clarinet", "harmonica", "recorder", "bagpipes"):
            hertz = 440 * 2 ** ((note.pitch - 69) / 12)
            power = torch.fft.rfft(note.signal).abs().square()
            near = [(bands - k * hertz).abs() < 0.03 * hertz for k in range(1, int(7_800 / hertz) + 1)]
            assert power[torch.stack(near).any(0)].sum() > 0.8 * power.sum(), (names[note.instrument], note.pitch)
    untuned = {names[note.instrument] for note in notes if note.pitch is None}
    assert untuned == {"bongos", "castanets", "cymbal", "hand drum", "maracas", "snare drum", "tambourine", "triangle"}


def likeness(signals, others):
    """The largest cross-correlation of whitened signals, each with its own other, at any shift: 1 for a copy."""

    def white(x):
        lines = torch.fft.rfft(torch.stack(x), 48_000)[:, :15_001]  # up to 5,000 Hz
        lines[:, :180] = 0
        lines = lines / (lines.abs() + 1e-4 * lines.abs().amax(1, keepdim=True) + 1e-9)
        return lines / lines.abs().square().sum(1, keepdim=True).sqrt()

    return torch.fft.irfft(white(signals) * white(others).conj()).abs().amax(1) * 15_000


def listed(source):
    """`{(instrument's name, key, velocity, bend): signal}` of a source of notes."""
    entries = data.index("notes/index.json" if source == "fluid" else f"notes/{source}/index.json")
    keys = [(entry["name"], *note) for entry in entries for note in entry["notes"]]
    return dict(zip(keys, [note.signal for note in data.notes(source)], strict=True))


def test_the_further_sources_play_the_same_notes():
    ours, instruments = listed("fluid"), [one.name for one in data.instruments()[0]]
    for source, count, lacks in (
        ("timgm6mb", 436, set()),
        ("freepats", 384, {"bagpipes", "banjo", "castanets", "harmonica", "whistle"}),
    ):
        found = data.notes(source)
        assert len(found) == count and listed(source).keys() <= ours.keys()
        assert {instruments[note.instrument] for note in found} == set(instruments) - lacks
        assert {len(note.signal) for note in found} == {24_000}
        loudest = torch.stack([note.signal for note in found]).abs().amax(1)
        assert loudest.min() > 0.01 and loudest.max() < 1
        for note in found:
            if instruments[note.instrument] in ("trumpet", "flute", "oboe", "recorder"):
                hertz, power = 440 * 2 ** ((note.pitch - 69) / 12), torch.fft.rfft(note.signal).abs().square()
                bands = torch.fft.rfftfreq(24_000, 1 / 16_000)
                near = [(bands - k * hertz).abs() < 0.03 * hertz for k in range(1, int(7_800 / hertz) + 1)]
                assert power[torch.stack(near).any(0)].sum() > 0.7 * power.sum(), (source, note.instrument, note.pitch)


def test_the_sources_of_notes_share_no_recording():
    sources = {source: listed(source) for source in data.NOTE_SOURCES}
    for one, other in (("fluid", "timgm6mb"), ("fluid", "freepats"), ("timgm6mb", "freepats")):
        both = [key for key in sources[one] if key in sources[other]]
        like = likeness([sources[one][key] for key in both], [sources[other][key] for key in both])
        assert like.median() < 0.2 and like.max() < 0.8, (one, other)
    whole = list(sources["fluid"].values())
    copies = [0.3 * torch.nn.functional.pad(signal, (300, 0))[:24_000] for signal in whole]
    assert likeness(whole, copies).median() > 0.6  # so that copies would have been found


def test_unknown_sources_of_notes_are_refused():
    for source in ("csound", "", None, []):
        with pytest.raises(CourseError, match=r"no notes from .*\. Choose one of fluid, timgm6mb, freepats\."):
            data.notes(source)


# --------------------------------------------------------------------------------------------------------- recordings
def test_recordings_are_what_their_index_and_the_data_sheet_say():
    entries, sheet = data.index("recordings/index.json"), (data.DATA / "README.md").read_text(encoding="utf-8")
    files = {path.relative_to(data.DATA / "recordings") for path in (data.DATA / "recordings").rglob("*.ogg")}
    assert {f"{entry['name']}.ogg" for entry in entries} == {path.as_posix() for path in files}
    for entry in entries:
        signal = data.sound(entry["name"])
        assert abs(len(signal) / 16_000 - entry["seconds"]) < 0.01 and 0.2 <= entry["seconds"] <= 8
        assert 0.4 < signal.abs().max() <= 1 and abs(signal.mean()) < 0.01, entry["name"]
        assert entry["author"] and entry["thing"] == entry["thing"].lower()
        text = entry["licence"].replace("-only", "").replace("-or-later", "")
        assert (data.DATA / f"LICENSES/{text}.txt").is_file(), entry["licence"]
    seconds = sum(entry["seconds"] for entry in entries)
    assert f"{len(entries)} further recordings of {len({e['thing'] for e in entries})} things" in sheet
    assert f"{seconds:.0f} s; `index.json`" in sheet
    for folder in {entry["name"].split("/")[0] for entry in entries}:
        count = sum(entry["name"].startswith(f"{folder}/") for entry in entries)
        assert any(line.startswith(f"| `{folder}/` |") and f"| {count} |" in line for line in sheet.splitlines()), (
            folder
        )


def test_no_recording_is_there_twice():
    new, kinds = data.index("recordings/index.json"), {}
    for entry in [*new, *data.index("sounds/index.json")]:
        lines = torch.fft.rfft(data.sound(entry["name"])[:32_000], 64_000)[:12_001]  # 2 s, up to 3,000 Hz
        lines[:400] = 0
        lines = lines / lines.abs().clamp(min=1e-6).sqrt()
        kinds.setdefault(entry["kind"], []).append((entry["name"], lines / lines.abs().square().sum().sqrt()))
    ours = {entry["name"] for entry in new}
    for held in kinds.values():
        everything = torch.stack([lines for _, lines in held])
        for i, (name, lines) in enumerate(held):
            if name in ours and i + 1 < len(held):
                like = torch.fft.irfft(everything[i + 1 :] * lines.conj()).abs().amax(1) * 12_000
                assert like.max() < 0.6, (name, held[i + 1 + like.argmax()][0])


# --------------------------------------------------------------------------------------------------- voices and faces
def test_utterances_are_sentences_of_five_voices():
    spoken = data.utterances()
    seconds = {}
    for said in spoken:
        assert 8_000 <= len(said.signal) <= 48_000 and 0.3 < said.signal.abs().max() < 0.7
        seconds[said.voice] = seconds.get(said.voice, 0) + len(said.signal) / 8_000
    assert {voice: round(s, -1) for voice, s in seconds.items()} == {
        "allison": 280, "carlo": 270, "june": 100, "topal": 100, "menardi": 100
    }  # fmt: skip
    assert len(spoken) == 315 and {s.voice for s in spoken if s.sex == "male"} == {"carlo"}


def test_no_utterance_is_there_twice_or_a_tone():
    spoken = data.utterances()
    for said in spoken:
        power = torch.fft.rfft(said.signal).abs().square()
        assert power.topk(3).values.sum() < 0.5 * power.sum()  # a beep has nearly all of it in one place
    assert len({(s.voice, len(s.signal), round(s.signal.square().sum().item(), 3)) for s in spoken}) == len(spoken)


def test_every_photograph_has_a_spoken_caption():
    captions = data.spoken_captions()
    assert [number for number, _ in captions] == list(range(len(data.stamps()[0])))
    for number, signal in captions:
        assert 2_000 < len(signal) < 48_000 and 0.3 < signal.abs().max() < 0.75, number


def test_faces_show_what_is_told_of_them():
    told, pictures = data.faces()
    assert len(told) == 400 and pictures.shape == (400, 3, 64, 64) and pictures.dtype == torch.uint8
    assert [one["sex"] for one in told].count("female") == 200
    assert {one["facialHair"] for one in told if one["sex"] == "female"} == {"none"}
    assert (pictures.float().flatten(1).std(1) > 20).all() and (pictures[:, :, 0, 0] > 240).all()
    for one, picture in zip(told, pictures, strict=True):  # the cheeks and the brow have the colour of the skin
        skin = torch.tensor([int(one["skin"][i : i + 2], 16) for i in (1, 3, 5)])
        near = (picture - skin[:, None, None].float()).abs().amax(0) < 25
        assert near.float().mean() > 0.06, one
