"""What a learner's call may not do: run for ever, print without end, or call what the exercise forbids."""

import contextlib
import io
import pkgutil
import signal
import sys
import sysconfig
import threading
import types
from pathlib import Path

COURSE = str(Path(__file__).parents[1])
LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
LINES = 20  # that one case keeps of what a learner prints


class Fault(BaseException):
    """A call did what it must not. Not an Exception, so that no `except Exception` of a learner or a case hides it."""


class Stopped(BaseException):
    """A call took longer than it may."""


def course(filename):
    return filename.startswith(COURSE)


def own(filename):
    """Whether a file, or a cell, is the learner's: neither the course's, nor a library's, nor Python's own."""
    if filename.startswith(("<frozen", "<string", "<__array", "<@")) or "site-packages" in filename:
        return False
    return not course(filename) and not filename.startswith(LIBRARIES)


def can_be_stopped():
    """Whether a timer can stop a call here: not on Windows, and not outside the main thread."""
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def time_limit(seconds):
    """Raises Stopped in the code under it after some seconds, again and again until it gets through: a library's
    timeout raises once, or stops another process, which has not the notebook's objects."""
    if not can_be_stopped():
        yield
        return
    fired, done = 0, False

    def every_line(frame, event, argument):
        if event == "line" and own(frame.f_code.co_filename) and not done:
            raise Stopped
        return every_line

    def stop(number, frame):
        nonlocal fired
        if done:
            return
        fired += 1
        if fired > 1:  # a bare `except:` in the loop took the first: its own next line stops, too
            sys.settrace(every_line)
            while frame and not course(frame.f_code.co_filename):
                frame.f_trace, frame = every_line, frame.f_back
        raise Stopped

    tracer, before = sys.gettrace(), signal.signal(signal.SIGALRM, stop)
    earlier = signal.setitimer(signal.ITIMER_REAL, seconds, 0.2)
    try:
        yield
    finally:
        done = True
        signal.setitimer(signal.ITIMER_REAL, *earlier)
        signal.signal(signal.SIGALRM, before)
        if fired > 1:
            sys.settrace(tracer)


class Words(io.TextIOBase):
    """Keeps the first lines that are written to it, and counts the others."""

    def __init__(self):
        self.kept, self.more, self.unfinished = [], 0, ""

    def write(self, text):
        *lines, self.unfinished = (self.unfinished + text).split("\n")
        self.unfinished = self.unfinished[:1000]
        room = LINES - len(self.kept)
        self.kept += [line[:1000] for line in lines[:room]]
        self.more += len(lines[room:])
        return len(text)

    def lines(self):
        return [*self.kept, *([self.unfinished] if self.unfinished else [])]


def located(name):
    """What holds a name such as "torch.Tensor.stft", the last part of the name, and the thing itself."""
    above, _, last = name.rpartition(".")
    return above and pkgutil.resolve_name(above), last, pkgutil.resolve_name(name)


@contextlib.contextmanager
def forbidden(names, namespaces):
    """While it is open, these functions raise Fault where the learner's code calls them, itself or through a library.

    Args:
        names: `{"torch.fft.fft": reason}`; a module's name stands for all its functions.
        namespaces: dictionaries in which the learner may have them by other names (`from torch.fft import fft`).

    Yields:
        A list of what was called nevertheless, for a learner whose bare `except:` takes the Fault.
    """
    told, undo, closed_now = [], [], [True]
    try:
        for name, reason in names.items():
            holder, attribute, thing = located(name)
            places = [(holder, attribute)]
            if isinstance(thing, types.ModuleType):
                places = [(thing, a) for a, value in vars(thing).items() if callable(value) and not a.startswith("_")]
            for place, a in places:
                original, inherited = getattr(place, a), a not in vars(place)
                closed = refusing(original, f"it calls {name}, which this exercise forbids: {reason}", told, closed_now)
                setattr(place, a, closed)
                undo.append((delattr, place, a) if inherited else (setattr, place, a, original))
                for names_of in namespaces:
                    for key in [key for key, value in names_of.items() if value is original]:
                        names_of[key] = closed
                        undo.append((names_of.__setitem__, key, original))
        yield told
    finally:
        closed_now.clear()  # a module that was first imported meanwhile keeps the stand-in for good
        for put_back, *arguments in reversed(undo):
            put_back(*arguments)


def refusing(original, text, told, closed_now):
    def closed(*arguments, **named):
        if not closed_now:
            return original(*arguments, **named)
        frame = sys._getframe(1)
        while frame and not own(frame.f_code.co_filename) and not course(frame.f_code.co_filename):
            frame = frame.f_back  # through the library that the learner called
        if frame and own(frame.f_code.co_filename):  # the course's own functions, which a case hands over, may
            told.append(text)
            raise Fault(text)
        return original(*arguments, **named)

    return closed
